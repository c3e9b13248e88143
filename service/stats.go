package service

import "director/internal/ordered"

const second = 1_000_000_000

// Tally counts connections, and the IP packets and bytes from clients (In) and to
// clients (Out).
type Tally struct {
	Conns, InPkts, OutPkts, InBytes, OutBytes uint64
}

func (t Tally) add(o Tally) Tally {
	return Tally{t.Conns + o.Conns, t.InPkts + o.InPkts, t.OutPkts + o.OutPkts, t.InBytes + o.InBytes, t.OutBytes + o.OutBytes}
}

func (t Tally) sub(o Tally) Tally {
	return Tally{t.Conns - o.Conns, t.InPkts - o.InPkts, t.OutPkts - o.OutPkts, t.InBytes - o.InBytes, t.OutBytes - o.OutBytes}
}

// Counters are the counts of one worker for one server. They fill one cache line, so
// workers do not share it. The worker adds to them once a batch; any goroutine may
// read them.
type Counters struct {
	conns, inPkts, outPkts, inBytes, outBytes ordered.Uint64

	// The counts of Signs. failures contains Refused in its upper half and Errors in
	// its lower half, so that all counts fit in the line.
	opened, completed, failures ordered.Uint64
}

// Add adds the counts of one batch of a worker. Only that worker calls it, so it
// needs no atomic addition.
func (s *Server) Add(worker int, t *Tally) {
	c := &s.counters[worker]
	c.conns.Store(c.conns.Load() + t.Conns)
	c.inPkts.Store(c.inPkts.Load() + t.InPkts)
	c.outPkts.Store(c.outPkts.Load() + t.OutPkts)
	c.inBytes.Store(c.inBytes.Load() + t.InBytes)
	c.outBytes.Store(c.outBytes.Load() + t.OutBytes)
}

// counted returns the sum over all workers.
func (s *Server) counted() (t Tally) {
	for i := range s.counters {
		c := &s.counters[i]
		t = t.add(Tally{c.conns.Load(), c.inPkts.Load(), c.outPkts.Load(), c.inBytes.Load(), c.outBytes.Load()})
	}
	return t
}

// Counted returns what all workers counted for the server since it was made.
func (s *Server) Counted() Tally { return s.counted() }

// Meter shows a tally as IPVS does: its value at the last tick, counted from the last
// Zero, and its rates (ip_vs_est.c). One goroutine uses it.
type Meter struct {
	seen, zero Tally

	// Exponential averages per second. Connections and packets are shifted left by 10
	// bits, bytes by 5.
	cps, inPPS, outPPS, inBPS, outBPS int64
}

// tick updates the meter with the current tally. It is called every two seconds.
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

// Zero restarts the count at the value of the last tick.
func (m *Meter) Zero() { *m = Meter{seen: m.seen, zero: m.seen} }

// Stats returns the count at the last tick, since the last Zero.
func (m *Meter) Stats() Tally { return m.seen.sub(m.zero) }

// Rates returns the increase of the tally per second.
func (m *Meter) Rates() Tally {
	return Tally{
		Conns:   uint64(m.cps+511) >> 10,
		InPkts:  uint64(m.inPPS+511) >> 10,
		OutPkts: uint64(m.outPPS+511) >> 10,
		InBytes: uint64(m.inBPS+15) >> 5, OutBytes: uint64(m.outBPS+15) >> 5,
	}
}

// own returns what the server counted while it was in a service.
func (s *Server) own() Tally {
	if p := s.record.past; p != nil {
		return s.counted().sub(p.skipped)
	}
	return s.counted()
}

// sinceJoined returns what the server counted since it was added to its service.
func (s *Server) sinceJoined() Tally {
	if p := s.record.past; p != nil {
		return s.own().sub(p.joined)
	}
	return s.own()
}

// Tally returns what the server has counted up to now. Zero does not affect it. Only
// the registry's goroutine may call it.
func (s *Server) Tally() Tally { return s.own() }

// tally returns what all servers of the service have counted for it, including
// removed ones.
func (s *registered) tally() Tally {
	sum := s.gone
	for _, m := range s.members.values() {
		sum = sum.add(m.sinceJoined())
	}
	return sum
}

// Tally returns what the service with key k has counted up to now. Zero does not
// affect it. If k is nil, it returns the sum over all services, including deleted
// ones.
func (r *Registry) Tally(k *Key) Tally {
	if k != nil {
		if s := r.lookup(*k); s != nil {
			return s.tally()
		}
		return Tally{}
	}
	total := r.gone
	for _, s := range r.services {
		total = total.add(s.tally())
	}
	return total
}

// Estimate updates the shown counts and rates. It is called every two seconds.
func (r *Registry) Estimate() {
	total := r.gone
	for _, s := range r.services {
		for _, m := range s.members.values() {
			m.record.meter.tick(m.own())
		}
		sum := s.tally()
		s.meter.tick(sum)
		total = total.add(sum)
	}
	r.total.tick(total)
}

// Zero restarts the shown counts of the service with key k and of its servers. If k
// is nil, it restarts all counts.
func (r *Registry) Zero(k *Key) error {
	if k != nil && r.lookup(*k) == nil {
		return ErrNoService
	}
	for _, s := range r.services {
		if k != nil && s.Key != *k {
			continue
		}
		s.meter.Zero()
		for _, m := range s.members.values() {
			m.record.meter.Zero()
		}
	}
	if k == nil {
		r.total.Zero()
	}
	return nil
}

// Total returns the meter of all services.
func (r *Registry) Total() *Meter { return &r.total }

// Len returns the number of services.
func (r *Registry) Len() int { return len(r.services) }

// Servers returns the number of servers of the service with key k.
func (r *Registry) Servers(k Key) int {
	if s := r.lookup(k); s != nil {
		return len(s.members.values())
	}
	return 0
}

// Service returns the service with key k and its meter, or nil.
func (r *Registry) Service(k Key) (*Service, *Meter) {
	s := r.lookup(k)
	if s == nil {
		return nil, nil
	}
	return s.Service, &s.meter
}

// Each calls f for each service, with its meter, in the order in which the services
// were added.
func (r *Registry) Each(f func(s *Service, m *Meter)) {
	for _, s := range r.services {
		f(s.Service, &s.meter)
	}
}

// EachServer calls f for each server of the service with key k, in list order, with
// its specification and meter.
func (r *Registry) EachServer(k Key, f func(s *Server, spec ServerSpec, m *Meter)) {
	if s := r.lookup(k); s != nil {
		for _, m := range s.members.values() {
			f(m.Server, m.spec, &m.record.meter)
		}
	}
}
