package service

import "director/packet"

const (
	// TrashPeriod is how often Collect is called, in nanoseconds, and trashTime
	// how long a removed server must have been seen unused
	// (IP_VS_DEST_TRASH_PERIOD in ip_vs_ctl.c).
	TrashPeriod = 60 * second
	trashTime   = 120 * second
)

// discard puts a server of s into the trash.
func (r *Registry) discard(s *registered, m member) {
	c := &m.record
	s.gone = s.gone.add(m.own().sub(c.joined))
	c.left = m.counted()
	c.idle = 0
	id := identity{s.Key, m.Addr, m.Port}
	r.trash[id] = m.Server
	delete(r.members, id)
	if m.spec.Method != DR {
		decrement(r.remote, m.Addr)
	}
}

// removedVIPs returns the addresses of services that were removed and whose servers
// still may have connections. Their clients are not to be taken for real servers,
// nor the connections for none.
func (r *Registry) removedVIPs() map[packet.Addr]bool {
	removed := map[packet.Addr]bool{}
	for id := range r.trash {
		if id.of.Mark == 0 && r.vips[id.of.Addr] == 0 {
			removed[id.of.Addr] = true
		}
	}
	return removed
}

// used reports whether connections or templates refer to the server.
func (s *Server) used() bool { return s.Load.Total.Load() != 0 || s.Persistent.Load() != 0 }

// Collect forgets removed servers that nothing has referred to for long. now is
// in nanoseconds. It reports whether it forgot any. Their numbers are free from
// the next call on: until then a worker may be in a step that knows them.
func (r *Registry) Collect(now int64) (any bool) {
	r.free, r.freed = append(r.free, r.freed...), nil
	for id, s := range r.trash {
		switch c := &s.record; {
		case s.used():
			// The kernel leaves the time at which it was first seen unused.
		case c.idle == 0:
			c.idle = max(now, 1)
		case now >= c.idle+trashTime:
			delete(r.trash, id)
			r.servers[s.ID] = nil
			r.freed = append(r.freed, s.ID)
			r.forgetPath(s.Addr)
			any = true
		}
	}
	return any
}

func (r *Registry) forgetPath(a packet.Addr) {
	for _, s := range r.servers {
		if s != nil && s.Addr == a {
			return
		}
	}
	delete(r.paths, a)
}

// own is what the server counted for its services.
func (s *Server) own() Tally { return s.counted().sub(s.record.skipped) }

// Tally is what the server has counted up to now, whatever was zeroed. The
// registry's goroutine calls it.
func (s *Server) Tally() Tally { return s.own() }

// tally is what the service's servers have counted for it, past ones included.
func (s *registered) tally() Tally {
	sum := s.gone
	for _, m := range s.members.values() {
		sum = sum.add(m.own().sub(m.record.joined))
	}
	return sum
}

// Tally is what the service with that key has counted up to now, whatever was
// zeroed; for nil what all have that there ever were.
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

// Estimate brings the shown counts and rates up to date. It is called every two
// seconds.
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

// Zero begins to count anew for the service with that key and its servers, for
// nil for everything.
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

// Each calls f for each service in the order of adding, with its meter.
func (r *Registry) Each(f func(s *Service, m *Meter)) {
	for _, s := range r.services {
		f(s.Service, &s.meter)
	}
}

// EachServer calls f for each server of a service, in list order, with its
// specification and meter.
func (r *Registry) EachServer(k Key, f func(s *Server, spec ServerSpec, m *Meter)) {
	if s := r.lookup(k); s != nil {
		for _, m := range s.members.values() {
			f(m.Server, m.spec, &m.record.meter)
		}
	}
}
