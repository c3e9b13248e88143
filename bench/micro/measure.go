package micro

import (
	"fmt"
	"runtime"
	"time"

	"director/dataplane"
	"director/packet"
)

const (
	// between is how many batches pass between two looks at the clock.
	between = 16
	// freshShare is the part of a row's time that new connections take: what
	// surrounds them, untimed, takes several times as long.
	freshShare = 4
)

// sample is one measurement.
type sample struct {
	packets int
	time    time.Duration
	allocs  uint64
}

// add counts another measurement of the same in.
func (s *sample) add(o sample) {
	s.packets += o.packets
	s.time += o.time
	s.allocs += o.allocs
}

// ns is the time of one packet.
func (s sample) ns() float64 { return float64(s.time) / float64(s.packets) }

// mallocs returns how many objects were ever allocated.
func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// repeat makes steps, which return how many packets they dealt with, for as
// long as d.
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

// batches makes so many steps.
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

// forwarded is the function forwarded for the only worker of a director that
// runs.
func (r *rig) forwarded(w *dataplane.Worker, conns uint64, measure func() (sample, error)) (s sample, err error) {
	err = r.running(func() error {
		s, err = forwarded(w, conns, measure)
		return err
	})
	return s, err
}

// forwarded runs measure and reports an error unless the worker sent every
// frame that it got meanwhile, or more connections began than it should be:
// a row that measures the way to a drop is worse than none.
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

// lost says what became of frames that were not sent.
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
