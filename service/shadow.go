package service

import (
	"slices"
	"sync/atomic"

	"director/packet"
	"director/sched"
)

// Pick records one decision of a service's scheduler: its input and its result.
type Pick struct {
	Of      *Service
	Flow    packet.Flow
	Servers []Candidate // in list order
	// Standing describes the scheduler's own state: see sched.Standing.
	Standing string
	Chosen   int // an index of Servers; -1: no server
}

// Candidate is a server as the scheduler saw it.
type Candidate struct {
	Addr             packet.Addr
	Port             uint16
	Method           Method
	Weight           int32
	Active, Inactive int64
	Upper, Lower     uint32 // thresholds; 0: none
	Overloaded       bool
	Skipped          bool    // packets cannot reach it
	Score            float64 // the scheduler chooses the server with the lowest score
	Scored           bool    // whether the scheduler uses scores
}

// Shadow returns a copy of the table and of everything in it that packets change: the
// state of the schedulers, the loads of the servers and the path MTUs. The copy
// forwards packets like t, and t does not change. One worker may use the copy. picked
// is called for each decision of a scheduler.
//
// The rules must not change during the call, and t must be the newest table.
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
	c.bypass = s.server(t.bypass)
	c.cells = slices.Clone(t.cells)
	for i, old := range c.cells {
		c.cells[i] = copies[old]
	}
	c.marks = slices.Clone(t.marks)
	for i := range c.marks {
		c.marks[i].of = copies[c.marks[i].of]
	}
	c.byMark = nil // needed only while a table is built
	return &c
}

// shadow maps each original to its copy while the copy is made.
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

// server copies a server. It needs no lock: the rules do not change, and packets
// change only atomic fields.
func (s *shadow) server(old *Server) *Server {
	if old == nil || s.servers[old] != nil {
		return s.servers[old]
	}
	c := &Server{
		Addr: old.Addr, Port: old.Port, ID: old.ID, Of: old.Of,
		Load: s.twins.Of(old.Load), Path: s.path(old.Path), Unassured: new([Crowds]atomic.Int64), counters: make([]Counters, 1),
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

// watched is a scheduler that reports its decisions.
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
			Upper: m.spec.Upper, Lower: m.spec.Lower, Overloaded: server.Load.Overloaded.Load(), Skipped: server.Load.Skipped.Load(),
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
