package micro

import (
	"fmt"
	"slices"
	"time"

	"director/conntrack"
	"director/dataplane"
	"director/packet"
)

const (
	// halfOpenTime is longer than the time-out of a half-open connection.
	halfOpenTime = 61 * time.Second
	// mostBatches limits a measurement that would not end.
	mostBatches = 1 << 22
)

// burst measures the time of single batches, first while no connection ends, then
// while connections end as fast as the workers can remove them. Half of the table
// is established connections. Three eighths are half-open connections that all
// expire at once, as after a SYN flood.
type burst struct {
	rig     *rig
	worker  *dataplane.Worker
	traffic *traffic
	dying   uint32
	first   uint32 // first flow that ends

	steady, expiring []quantiles
	most             uint64 // largest number of connections that ended in one batch
	mean             []float64
	times            []time.Duration
}

// quantiles of the time of a batch, in microseconds.
type quantiles struct{ p50, p99, p999, most float64 }

// halfFull makes a director of its own row. Half of its table is established
// connections.
func (b *bench) halfFull(p path) (*rig, error) {
	r, err := newRig(p, b.TableSize, b.ports)
	if err != nil {
		return nil, err
	}
	b.others = append(b.others, r)
	return r, r.establish(uint32(b.TableSize / 2))
}

// bursts makes a director whose connections may end.
func (b *bench) bursts() (*burst, error) {
	p := paths[0]
	r, err := b.halfFull(p)
	if err != nil {
		return nil, err
	}
	return &burst{
		rig: r, traffic: newTraffic(p, r.order, r.flows, 1),
		dying: uint32(b.TableSize / 8 * 3), first: r.newFlows(uint32(b.TableSize)),
		times: make([]time.Duration, 0, mostBatches),
	}, nil
}

// take measures once: for time d while no connection ends, then until all half-open
// connections have ended.
func (s *burst) take(d time.Duration) error {
	crew, err := s.rig.crew(1)
	if err != nil {
		return err
	}
	s.worker, s.rig.ports[0].traffic = crew[0], s.traffic
	if err := s.rig.running(func() error { return s.stay(d) }); err != nil {
		return err
	}
	for i := range s.dying {
		if _, err := s.rig.insert(s.first+i, conntrack.TCPSynRecv, 1); err != nil {
			return err
		}
	}
	s.rig.passed += halfOpenTime
	return s.rig.running(s.end)
}

// stay measures batches while no connection ends.
func (s *burst) stay(d time.Duration) error {
	s.times = s.times[:0]
	for start := time.Now(); time.Since(start) < d; {
		if err := s.step(); err != nil {
			return err
		}
	}
	s.steady = append(s.steady, quantilesOf(s.times))
	return nil
}

// end measures batches until all half-open connections have ended.
func (s *burst) end() error {
	s.times = s.times[:0]
	before, ended := s.worker.Counts().Expired, uint64(0)
	for ended < uint64(s.dying) {
		if err := s.step(); err != nil {
			return err
		}
		now := s.worker.Counts().Expired - before
		s.most = max(s.most, now-ended)
		ended = now
		if len(s.times) == mostBatches {
			return fmt.Errorf("%d connections of %d ended in %d batches", ended, s.dying, mostBatches)
		}
	}
	s.expiring = append(s.expiring, quantilesOf(s.times))
	s.mean = append(s.mean, float64(s.dying)/float64(len(s.times)))
	return nil
}

// step measures one batch.
func (s *burst) step() error {
	took, err := timed(s.worker)
	s.times = append(s.times, took)
	return err
}

// timed runs one step of a worker, with a full batch, and returns its time.
func timed(w *dataplane.Worker) (time.Duration, error) {
	start := time.Now()
	n, err := w.Step()
	took := time.Since(start)
	if err == nil && n != packet.BatchSize {
		err = fmt.Errorf("%d frames in a batch, want %d", n, packet.BatchSize)
	}
	return took, err
}

// quantilesOf sorts the times and returns their quantiles.
func quantilesOf(times []time.Duration) quantiles {
	slices.Sort(times)
	at := func(permille int) float64 {
		return float64(times[(len(times)-1)*permille/1000]) / float64(time.Microsecond)
	}
	return quantiles{at(500), at(990), at(999), at(1000)}
}
