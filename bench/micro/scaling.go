package micro

import (
	"fmt"
	"sync"
	"time"

	"director/dataplane"
	"director/packet"
)

// scalingRow is a number of workers that share one table, each with its own port
// and CPU.
type scalingRow struct {
	name    string
	kind    string
	workers int
	crew    []*dataplane.Worker
	bench   *bench
	rig     *rig
	traffic []*traffic
	batches []packet.Batch // of the floor
	lock    *sync.Mutex    // held during each step; nil: none
	samples []float64      // millions of packets per second of all workers together
}

// The kinds of scaling rows.
const (
	scaleFloor = "floor" // nothing is shared: shows how far the CPUs themselves scale
	scaleHit   = "hit"
	scaleNew   = "new"
	scaleGiant = "hit, giant lock"
)

// workerCounts returns 1, 2, 4 and so on, and n.
func workerCounts(n int) (counts []int) {
	for w := 1; w < n; w *= 2 {
		counts = append(counts, w)
	}
	return append(counts, n)
}

// scale makes the row of NAT with many workers.
func (b *bench) scale(kind string, workers int, flows uint32) (*scalingRow, error) {
	p := paths[0]
	r, err := b.rig(p, flows)
	if err != nil {
		return nil, err
	}
	s := &scalingRow{name: scalingName(kind, workers), kind: kind, workers: workers, bench: b, rig: r}
	if s.crew, err = r.crew(workers); err != nil {
		return nil, err
	}
	if kind == scaleGiant {
		s.lock = new(sync.Mutex)
	}
	s.batches = make([]packet.Batch, workers)
	for i := range workers {
		t := newTraffic(p, r.order, flows, uint32(i))
		if kind == scaleNew {
			t = newSYNs(p)
		}
		s.traffic = append(s.traffic, t)
	}
	return s, nil
}

func scalingName(kind string, workers int) string {
	names := map[string]string{scaleFloor: "floor", scaleHit: "hit", scaleNew: "new", scaleGiant: "giant"}
	return fmt.Sprintf("scaling/%s/%d", names[kind], workers)
}

// step returns the step of a worker, under the lock if there is one.
func (s *scalingRow) step(worker int) func() (int, error) {
	w := s.crew[worker]
	switch {
	case s.kind == scaleFloor:
		return func() (int, error) { return floor(s.rig.ports[worker], &s.batches[worker]) }
	case s.lock == nil:
		return w.Step
	}
	return func() (int, error) {
		s.lock.Lock()
		defer s.lock.Unlock()
		return w.Step()
	}
}

// take measures once.
func (s *scalingRow) take(d time.Duration) (err error) {
	for i, t := range s.traffic {
		s.rig.ports[i].traffic = t
	}
	var mpps float64
	if s.kind == scaleNew {
		mpps, err = s.begin(d / freshShare)
	} else {
		mpps, err = s.hit(d)
	}
	if err != nil {
		return err
	}
	s.samples = append(s.samples, mpps)
	return nil
}

// together lets all workers measure at the same time. Each of them begins conns
// connections.
func (s *scalingRow) together(conns uint64, measure func(worker int) (sample, error)) (samples []sample, err error) {
	err = s.rig.running(func() error {
		samples, err = s.bench.together(s.workers, func(i int) (sample, error) {
			if s.kind == scaleFloor {
				return measure(i)
			}
			return forwarded(s.crew[i], conns, func() (sample, error) { return measure(i) })
		})
		return err
	})
	return samples, err
}

// hit lets all workers forward packets of established connections for time d.
func (s *scalingRow) hit(d time.Duration) (mpps float64, err error) {
	samples, err := s.together(0, func(i int) (sample, error) { return repeat(d, s.step(i)) })
	for _, one := range samples {
		mpps += 1000 / one.ns()
	}
	return mpps, err
}

// begin lets all workers begin connections of one service for time d.
func (s *scalingRow) begin(d time.Duration) (mpps float64, err error) {
	var sum sample
	for sum.time < d {
		each := s.rig.room() / uint32(s.workers) &^ (packet.BatchSize - 1)
		first := s.rig.newFlows(each * uint32(s.workers))
		for i, t := range s.traffic {
			t.ask(first+uint32(i)*each, each)
		}
		s.bench.area.sweep()
		samples, err := s.together(uint64(each), func(i int) (sample, error) {
			return batches(int(each/packet.BatchSize), s.step(i))
		})
		if err != nil {
			return 0, err
		}
		if err := s.rig.end(first, each*uint32(s.workers)); err != nil {
			return 0, err
		}
		sum.addTogether(samples)
	}
	return 1000 / sum.ns(), nil
}

// addTogether adds samples that were measured at the same time: the sum of the
// packets, and the time of the slowest worker.
func (s *sample) addTogether(samples []sample) {
	var slowest time.Duration
	for _, one := range samples {
		s.packets += one.packets
		slowest = max(slowest, one.time)
	}
	s.time += slowest
}
