package service

import "director/packet"

const (
	// TrashPeriod is the time in nanoseconds between two calls of Collect.
	TrashPeriod = 60 * second
	// trashTime is the time in nanoseconds for which a removed server must be unused
	// before Collect removes it (IP_VS_DEST_TRASH_PERIOD in ip_vs_ctl.c).
	trashTime = 120 * second
)

// moveToTrash puts a server of s into the trash.
func (r *Registry) moveToTrash(s *registered, m member) {
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

// removedVIPs returns the addresses of removed services whose servers may still have
// connections. The table must still contain these addresses. Otherwise the workers
// would take packets of clients for answers of real servers, and would not find their
// connections.
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

// Collect removes servers from the trash to which nothing has referred for trashTime.
// It reports whether it removed any. now is in nanoseconds. The numbers of the
// removed servers become free only at the next call, because a worker may still use
// them in its current step.
func (r *Registry) Collect(now int64) (any bool) {
	r.free, r.freed = append(r.free, r.freed...), nil
	for id, s := range r.trash {
		switch c := &s.record; {
		case s.used():
			// As in the kernel, c.idle keeps the time at which the server was first
			// seen unused.
		case c.idle == 0:
			c.idle = max(now, 1)
		case now >= c.idle+trashTime:
			delete(r.trash, id)
			r.servers[s.ID] = nil
			r.freed = append(r.freed, s.ID)
			r.removePath(s.Addr)
			any = true
		}
	}
	return any
}

// removePath removes the path to a if no server has this address.
func (r *Registry) removePath(a packet.Addr) {
	for _, s := range r.servers {
		if s != nil && s.Addr == a {
			return
		}
	}
	delete(r.paths, a)
}

// own returns what the server counted while it was in a service.
func (s *Server) own() Tally { return s.counted().sub(s.record.skipped) }

// Tally returns what the server has counted up to now. Zero does not affect it. Only
// the registry's goroutine may call it.
func (s *Server) Tally() Tally { return s.own() }

// tally returns what all servers of the service have counted for it, including
// removed ones.
func (s *registered) tally() Tally {
	sum := s.gone
	for _, m := range s.members.values() {
		sum = sum.add(m.own().sub(m.record.joined))
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
