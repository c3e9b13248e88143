package micro

import (
	"fmt"
	"time"

	"director/packet"
)

// row is one measurement. Each repetition measures it once.
type row struct {
	name    string
	measure func(d time.Duration) (sample, error)
	samples []float64 // ns per packet
	allocs  uint64    // the minimum over the repetitions
	packets int       // in all repetitions
}

// take measures once.
func (r *row) take(d time.Duration) error {
	s, err := r.measure(d)
	if err != nil {
		return err
	}
	if len(r.samples) == 0 || s.allocs < r.allocs {
		r.allocs = s.allocs
	}
	r.samples = append(r.samples, s.ns())
	r.packets += s.packets
	return nil
}

// flowName returns a number of flows as it appears in row names: 1, 1k, 64k, 1M.
func flowName(n uint32) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

func caseName(p path, flows uint32, fresh bool) string {
	kind := "hit"
	if fresh {
		kind = "new"
	}
	return fmt.Sprintf("%s/%s/%s", p.name, kind, flowName(flows))
}

// hit measures packets of established connections.
func (b *bench) hit(p path, flows uint32) (func(time.Duration) (sample, error), error) {
	r, err := b.rig(p, flows)
	if err != nil {
		return nil, err
	}
	crew, err := r.crew(1)
	if err != nil {
		return nil, err
	}
	w, port, t := crew[0], r.ports[0], newTraffic(p, r.order, flows, 1)
	port.traffic = t
	if err := r.verify(p, port, true, w.Step); err != nil {
		return nil, err
	}
	return func(d time.Duration) (sample, error) {
		port.traffic = t
		return r.forwarded(w, 0, func() (sample, error) { return repeat(d, w.Step) })
	}, nil
}

// begin measures first packets, with flows connections in the table. The
// connections that a round has made are removed, unmeasured, and evicted from the
// caches. In a running director, too, the slot of a new connection was last used
// long ago.
func (b *bench) begin(p path, flows uint32) (func(time.Duration) (sample, error), error) {
	r, err := b.rig(p, flows)
	if err != nil {
		return nil, err
	}
	n := r.room()
	if n == 0 {
		return nil, fmt.Errorf("%w: no room for new connections beside %d", errRoom, flows)
	}
	crew, err := r.crew(1)
	if err != nil {
		return nil, err
	}
	w, port, t := crew[0], r.ports[0], newSYNs(p)
	port.traffic = t
	first := r.newFlows(packet.BatchSize)
	t.ask(first, packet.BatchSize)
	if err := r.verify(p, port, false, w.Step); err != nil {
		return nil, err
	}
	if err := r.end(first, packet.BatchSize); err != nil {
		return nil, err
	}
	return func(d time.Duration) (sum sample, err error) {
		port.traffic = t
		for sum.time < d/freshShare {
			first := r.newFlows(n)
			t.ask(first, n)
			b.area.sweep()
			s, err := r.forwarded(w, uint64(n), func() (sample, error) { return batches(int(n/packet.BatchSize), w.Step) })
			if err != nil {
				return s, err
			}
			if err := r.end(first, n); err != nil {
				return s, err
			}
			sum.add(s)
		}
		return sum, nil
	}, nil
}
