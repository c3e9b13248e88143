package micro

import (
	"fmt"
	"runtime"
	"time"

	"director/dataplane"
	"director/packet"
)

const (
	// between is how many batches run between two readings of the clock.
	between = 16
	// freshShare is the part of a row's time that is given to new connections. The
	// unmeasured work around them takes several times as long.
	freshShare = 4
)

// sample is one measurement.
type sample struct {
	packets int
	time    time.Duration
	allocs  uint64
}

// add adds another measurement of the same row.
func (s *sample) add(o sample) {
	s.packets += o.packets
	s.time += o.time
	s.allocs += o.allocs
}

// ns returns the time per packet in nanoseconds.
func (s sample) ns() float64 { return float64(s.time) / float64(s.packets) }

// mallocs returns how many objects have been allocated since the start.
func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// repeat calls step, which returns its number of packets, for time d.
func repeat(d time.Duration, step func() (int, error)) (s sample, err error) {
	before, start := mallocs(), time.Now()
	for s.time < d {
		for range between {
			n, err := step()
			if err != nil {
				return s, err
			}
			s.packets += n
		}
		s.time = time.Since(start)
	}
	s.allocs = mallocs() - before
	return s, nil
}

// batches calls step n times.
func batches(n int, step func() (int, error)) (s sample, err error) {
	before, start := mallocs(), time.Now()
	for range n {
		got, err := step()
		if err != nil {
			return s, err
		}
		s.packets += got
	}
	s.time = time.Since(start)
	s.allocs = mallocs() - before
	return s, nil
}

// forwarded calls the function forwarded for the only worker of a director, while
// the clock runs.
func (r *rig) forwarded(w *dataplane.Worker, conns uint64, measure func() (sample, error)) (s sample, err error) {
	err = r.running(func() error {
		s, err = forwarded(w, conns, measure)
		return err
	})
	return s, err
}

// forwarded runs measure. It returns an error unless the worker sent every frame
// that it received, or if more connections began than expected: a row that measures
// drops would mislead.
func forwarded(w *dataplane.Worker, conns uint64, measure func() (sample, error)) (sample, error) {
	before := w.Counts()
	s, err := measure()
	if err != nil {
		return s, err
	}
	after := w.Counts()
	if sent := after.Tx[0] - before.Tx[0]; sent != uint64(s.packets) {
		return s, fmt.Errorf("%d frames of %d were sent: %s", sent, s.packets, lost(&before, &after))
	}
	if made := after.Conns - before.Conns; made != conns {
		return s, fmt.Errorf("%d connections began, want %d", made, conns)
	}
	return s, nil
}

// lost describes what happened to frames that were not sent.
func lost(before, after *dataplane.Counts) string {
	text := ""
	for reason := range packet.Reasons {
		if n := after.Drops[reason] - before.Drops[reason]; n > 0 {
			text += fmt.Sprintf("%d dropped (%s) ", n, reason)
		}
		if n := after.Host[reason] - before.Host[reason]; n > 0 {
			text += fmt.Sprintf("%d left to the kernel (%s) ", n, reason)
		}
	}
	return text
}
