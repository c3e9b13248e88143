package service

import "director/internal/ordered"

const second = 1_000_000_000

// Tally counts connections, and packets and bytes (of IP) from clients and to
// them.
type Tally struct {
	Conns, InPkts, OutPkts, InBytes, OutBytes uint64
}

func (t Tally) add(o Tally) Tally {
	return Tally{t.Conns + o.Conns, t.InPkts + o.InPkts, t.OutPkts + o.OutPkts, t.InBytes + o.InBytes, t.OutBytes + o.OutBytes}
}

func (t Tally) sub(o Tally) Tally {
	return Tally{t.Conns - o.Conns, t.InPkts - o.InPkts, t.OutPkts - o.OutPkts, t.InBytes - o.InBytes, t.OutBytes - o.OutBytes}
}

// Counters are what one worker counted for one server, on a cache line of their
// own. The worker adds to them once a batch, anybody reads them.
type Counters struct {
	conns, inPkts, outPkts, inBytes, outBytes ordered.Uint64

	_ [24]byte
}

// Add publishes what worker counted in a batch. Only that worker calls it, so
// a store does what an addition would.
func (s *Server) Add(worker int, t *Tally) {
	c := &s.counters[worker]
	c.conns.Store(c.conns.Load() + t.Conns)
	c.inPkts.Store(c.inPkts.Load() + t.InPkts)
	c.outPkts.Store(c.outPkts.Load() + t.OutPkts)
	c.inBytes.Store(c.inBytes.Load() + t.InBytes)
	c.outBytes.Store(c.outBytes.Load() + t.OutBytes)
}

// counted is what all workers counted.
func (s *Server) counted() (t Tally) {
	for i := range s.counters {
		c := &s.counters[i]
		t = t.add(Tally{c.conns.Load(), c.inPkts.Load(), c.outPkts.Load(), c.inBytes.Load(), c.outBytes.Load()})
	}
	return t
}

// Counted is what all workers counted for the server since it was made.
func (s *Server) Counted() Tally { return s.counted() }

// Meter shows a tally as IPVS shows it: as it was at the last tick, since it was
// last zeroed, and how fast it grows (ip_vs_est.c). One goroutine uses it.
type Meter struct {
	seen, zero Tally

	// Exponential averages, connections and packets per second shifted left by
	// 10 bits, bytes by 5.
	cps, inPPS, outPPS, inBPS, outBPS int64
}

// tick takes the tally as it is now. It is called every two seconds.
func (m *Meter) tick(now Tally) {
	by := now.sub(m.seen)
	m.seen = now
	average(&m.cps, by.Conns<<9)
	average(&m.inPPS, by.InPkts<<9)
	average(&m.outPPS, by.OutPkts<<9)
	average(&m.inBPS, by.InBytes<<4)
	average(&m.outBPS, by.OutBytes<<4)
}

// average moves avg a quarter of the way to rate.
func average(avg *int64, rate uint64) { *avg += (int64(rate) - *avg) >> 2 }

// Zero begins to count anew from what was last shown.
func (m *Meter) Zero() { *m = Meter{seen: m.seen, zero: m.seen} }

// Stats returns the tally as shown.
func (m *Meter) Stats() Tally { return m.seen.sub(m.zero) }

// Rates returns by how much the tally grows per second.
func (m *Meter) Rates() Tally {
	return Tally{
		Conns:   uint64(m.cps+511) >> 10,
		InPkts:  uint64(m.inPPS+511) >> 10,
		OutPkts: uint64(m.outPPS+511) >> 10,
		InBytes: uint64(m.inBPS+15) >> 5, OutBytes: uint64(m.outBPS+15) >> 5,
	}
}
