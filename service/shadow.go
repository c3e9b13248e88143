package service

import (
	"slices"

	"director/packet"
	"director/sched"
)

// Pick is a question that was put to a service's scheduler, and its answer.
type Pick struct {
	Of      *Service
	Flow    packet.Flow
	Servers []Candidate // in list order
	// Standing is what the scheduler went by beside the servers: see
	// sched.Standing.
	Standing string
	Chosen   int // an index of Servers, -1: nobody
}

// Candidate is a server as the scheduler saw it when it was asked.
type Candidate struct {
	Addr             packet.Addr
	Port             uint16
	Method           Method
	Weight           int32
	Active, Inactive int64
	Upper, Lower     uint32 // thresholds, 0: none
	Overloaded       bool
	Score            float64 // what the least of which is chosen
	Scored           bool    // whether the scheduler compares servers by a score
}

// Shadow returns a copy of the table and of everything that packets change in it:
// the schedulers with what they remember, the loads of the servers, what is known
// of paths. Packets that are forwarded by the copy go where those would go that
// are forwarded by t, and change nothing of it. One worker may use it, and picked
// is told each time that it asks a scheduler.
//
// Nothing may change the rules meanwhile, and t must be the newest table.
func (t *Table) Shadow(picked func(*Pick)) *Table {
	s := shadow{
		servers: map[*Server]*Server{}, paths: map[*Path]*Path{}, pools: map[*pool]*pool{},
		twins: sched.Twins{},
	}
	c := *t
	c.services = make([]*Service, len(t.services))
	copies := map[*Service]*Service{}
	for i, old := range t.services {
		c.services[i] = &Service{old.Spec, s.pool(old.pool)}
		copies[old] = c.services[i]
		c.services[i].scheduler = watched{c.services[i].scheduler, c.services[i], picked}
	}
	c.servers = make([]*Server, len(t.servers))
	for i, old := range t.servers {
		c.servers[i] = s.server(old)
	}
	c.around = s.server(t.around)
	c.cells = slices.Clone(t.cells)
	for i, old := range c.cells {
		c.cells[i] = copies[old]
	}
	c.marks = slices.Clone(t.marks)
	for i := range c.marks {
		c.marks[i].of = copies[c.marks[i].of]
	}
	c.byMark = nil // only for making the table
	return &c
}

// shadow is a copy in the making: what has a copy already, and which.
type shadow struct {
	servers map[*Server]*Server
	paths   map[*Path]*Path
	pools   map[*pool]*pool
	twins   sched.Twins
}

func (s *shadow) pool(old *pool) *pool {
	if old == nil || s.pools[old] != nil {
		return s.pools[old]
	}
	p := new(pool)
	s.pools[old] = p
	old.mu.Lock()
	defer old.mu.Unlock()
	p.list, p.members, p.position = slices.Clone(old.list), slices.Clone(old.members), old.position
	for i := range p.list {
		p.list[i].Load = s.twins.Of(old.list[i].Load)
	}
	p.scheduler = sched.Copy(old.scheduler, s.twins, &p.position)
	for i := range p.members {
		p.members[i].Server = s.server(old.members[i].Server)
	}
	return p
}

// server copies a server. The lock of its service need not be held: nobody changes
// the rules, and what packets change is read by itself.
func (s *shadow) server(old *Server) *Server {
	if old == nil || s.servers[old] != nil {
		return s.servers[old]
	}
	c := &Server{
		Addr: old.Addr, Port: old.Port, ID: old.ID, Of: old.Of,
		Load: s.twins.Of(old.Load), Path: s.path(old.Path), counters: make([]Counters, 1),
	}
	s.servers[old] = c
	c.Persistent.Store(old.Persistent.Load())
	c.tunnel.Store(old.tunnel.Load())
	c.weight.Store(old.weight.Load())
	c.answers.Store(old.answers.Load())
	c.upper.Store(old.upper.Load())
	c.lower.Store(old.lower.Load())
	if p := old.pool.Load(); p != nil {
		if s.pools[p] == nil {
			s.pool(p)
		}
		c.pool.Store(s.pools[p])
	}
	return c
}

func (s *shadow) path(old *Path) *Path {
	c := s.paths[old]
	if c == nil {
		c = new(Path)
		c.word.Store(old.word.Load())
		s.paths[old] = c
	}
	return c
}

// watched is a scheduler that tells what it is asked.
type watched struct {
	sched.Scheduler
	of     *Service
	picked func(*Pick)
}

func (w watched) Pick(f *packet.Flow, now int64, servers sched.Servers, pos *sched.Position) (int, bool) {
	p := &Pick{Of: w.of, Flow: *f, Chosen: -1, Standing: sched.Standing(w.Scheduler, f, servers, pos)}
	for i := range servers {
		server, m := &servers[i], &w.of.members[i]
		c := Candidate{
			Addr: server.Addr, Port: server.Port, Method: m.spec.Method, Weight: server.Weight,
			Active: server.Load.Active.Load(), Inactive: server.Load.Inactive(),
			Upper: m.spec.Upper, Lower: m.spec.Lower, Overloaded: server.Load.Overloaded.Load(),
		}
		c.Score, c.Scored = sched.Score(w.Scheduler, server)
		p.Servers = append(p.Servers, c)
	}
	at, ok := w.Scheduler.Pick(f, now, servers, pos)
	if ok {
		p.Chosen = at
	}
	w.picked(p)
	return at, ok
}
