package service

import (
	"sync/atomic"

	"director/packet"
)

const (
	// TrashPeriod is the time in nanoseconds between two calls of Collect.
	TrashPeriod = 60 * second
	// trashTime is the time in nanoseconds for which a removed server must be unused
	// before Collect removes it (IP_VS_DEST_TRASH_PERIOD in ip_vs_ctl.c).
	trashTime = 120 * second
)

// moveToTrash puts a server of s into the trash. A draft has none, so it only removes the
// server.
func (r *Registry) moveToTrash(s *registered, m member) {
	id := identity{s.Key, m.spec.Addr, m.spec.Port}
	delete(s.places, place{id.addr, id.port})
	r.delist(m.Server, &m.spec)
	if r.options.Draft {
		return
	}
	c := &m.record
	s.gone = s.gone.add(m.sinceJoined())
	if c.past == nil {
		c.past = new(past)
	}
	c.past.left = m.counted()
	c.idle = 0
	r.trash[id] = m.Server
}

// obtain takes a server out of the trash, or makes a new one.
func (r *Registry) obtain(s *registered, spec ServerSpec) *Server {
	id := identity{s.Key, spec.Addr, spec.Port}
	server := r.trash[id]
	if server == nil {
		server = r.newServer(id)
		server.pool.Store(s.pool)
		return server
	}
	delete(r.trash, id)
	p := server.record.past
	p.skipped = p.skipped.add(server.counted().sub(p.left))
	p.joined = server.own()
	if server.pool.Load() != s.pool {
		server.record.meter.Zero() // the service was deleted and added again
	}
	server.pool.Store(s.pool)
	return server
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
			r.removeCounter(s.Of)
			if s.record.counted {
				r.addAnswering(s.Addr, -1)
			}
			any = true
		}
	}
	return any
}

// usedPath is a path and the number of servers that have it.
type usedPath struct {
	Path
	servers int
}

// path returns the path to a, for one more server.
func (r *Registry) path(a packet.Addr) *Path {
	p := r.paths[a]
	if p == nil {
		p = new(usedPath)
		r.paths[a] = p
	}
	p.servers++
	return &p.Path
}

// removePath undoes path.
func (r *Registry) removePath(a packet.Addr) {
	if p := r.paths[a]; p.servers > 1 {
		p.servers--
	} else {
		delete(r.paths, a)
	}
}

// counter is the counter to which the Unassured of a service's servers point. All workers
// write it, so it has a cache line of its own.
type counter struct {
	n       [Crowds]atomic.Int64
	servers int // that point to it
	_       [56]byte
}

// counter returns the counter of the service with key k, for one more server.
func (r *Registry) counter(k Key) *[Crowds]atomic.Int64 {
	c := r.counters[k]
	if c == nil {
		c = new(counter)
		r.counters[k] = c
	}
	c.servers++
	return &c.n
}

// removeCounter undoes counter.
func (r *Registry) removeCounter(k Key) {
	if c := r.counters[k]; c.servers > 1 {
		c.servers--
	} else {
		delete(r.counters, k)
	}
}
