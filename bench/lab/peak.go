//go:build linux

package lab

import (
	"context"
	"errors"
	"time"

	"director/bench/machine"
)

// The numbers of flows with which throughput is measured.
const (
	fewFlows  = 1000
	manyFlows = 100_000
)

// window is the difference of two samples.
type window struct {
	pps, offered float64
	lost         uint64 // of the offered packets
	otherwise    uint64 // arrived, but in another form
	packets      uint64
	process      time.Duration
	spent        machine.Spent
}

func between(a, b sample) window {
	seconds := b.at.Sub(a.at).Seconds()
	w := window{
		packets: b.arrived - a.arrived, otherwise: b.otherwise - a.otherwise,
		process: b.process - a.process,
		spent:   b.spent.Since(a.spent),
	}
	sent := b.sent - a.sent
	w.pps, w.offered = float64(w.packets)/seconds, float64(sent)/seconds
	if sent > w.packets {
		w.lost = sent - w.packets
	}
	return w
}

// windows floods the rig with each number of flows in turn, and returns one window
// for each. Before each window the source has sent all flows three times.
func (b *bench) windows(ctx context.Context, r *rig, d time.Duration, flows ...int) (all []window, err error) {
	horizon := time.Duration(len(flows))*(d+b.settle)*3/2 + 200*time.Millisecond
	if err := r.flood(flows[0], horizon); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.halt()) }()
	skip := uint64(len(r.sources) * firstChunk)
	for _, n := range flows {
		for _, s := range r.sources {
			if err := s.setFlows(n); err != nil {
				return nil, err
			}
		}
		if err := r.warm(ctx, skip+uint64(3*n), uint64(n), b.settle); err != nil {
			return nil, err
		}
		skip = 0
		before, err := r.sample()
		if err != nil {
			return nil, err
		}
		if err := sleep(ctx, d); err != nil {
			return nil, err
		}
		after, err := r.sample()
		if err != nil {
			return nil, err
		}
		all = append(all, between(before, after))
	}
	return all, nil
}
