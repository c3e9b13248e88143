package service

import (
	"slices"
	"sync"

	"director/packet"
	"director/sched"
)

// Service is a virtual service as the workers see it: immutable but for its
// pool. An edited service is another value with the same pool.
type Service struct {
	Spec // without servers
	*pool
}

// pool is what the connections of a service move: the scheduler and its place
// in the list, guarded by mu together with the list itself, which must fit.
type pool struct {
	mu        sync.Mutex
	list      sched.Servers // in list order: the last added first
	members   []member      // likewise
	scheduler sched.Scheduler
	position  sched.Position

	// For a full table; nil until needed with this list.
	spare     sched.Scheduler
	spareList sched.Servers
	sparePos  sched.Position
}

// member is a server as it serves new connections.
type member struct {
	*Server
	spec ServerSpec
}

// Choice is a real server for a new connection, and how to reach it.
type Choice struct {
	*Server
	Method Method
}

// Schedule chooses a real server for a new connection, of which f is the first
// packet, and counts the connection to it. active says whether it begins as an
// active one. It reports false when no server is usable. Choosing and counting
// are one step, so that connections that workers begin at the same moment are
// spread like ones that begin one after the other.
func (s *Service) Schedule(f *packet.Flow, now int64, active bool) (Choice, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.Choose(f, now)
	if ok {
		c.Bind(active)
	}
	return c, ok
}

// Lock lets a worker do several things to the service as one.
func (s *Service) Lock() { s.mu.Lock() }

// Unlock ends Lock.
func (s *Service) Unlock() { s.mu.Unlock() }

// Choose is Schedule without counting. The caller holds the lock.
func (s *Service) Choose(f *packet.Flow, now int64) (Choice, bool) {
	i, ok := s.scheduler.Pick(f, now, s.list, &s.position)
	if !ok {
		return Choice{}, false
	}
	m := &s.members[i]
	return Choice{m.Server, m.spec.Method}, true
}

// Member returns the choice of the given server, if it is in the service. The
// caller holds the lock.
func (s *Service) Member(id uint32) (Choice, bool) {
	for i := range s.members {
		if m := &s.members[i]; m.ID == id {
			return Choice{m.Server, m.spec.Method}, true
		}
	}
	return Choice{}, false
}

// Spare chooses a server for a packet that finds no room in the connection
// table: by a hash of the client's address (mh), so that all its packets go to
// one server, whatever the service's scheduler and the servers' thresholds.
func (s *Service) Spare(f *packet.Flow, now int64) (Choice, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spare == nil {
		s.spareList = slices.Clone(s.list)
		for i := range s.spareList {
			s.spareList[i].Load = new(sched.Load) // which no threshold knows
		}
		s.spare, _ = sched.New("mh", sched.Options{Flags: sched.Fallback}) // a name it knows
		s.spare.Bind(s.spareList, &s.sparePos)
	}
	i, ok := s.spare.Pick(f, now, s.spareList, &s.sparePos)
	if !ok {
		return Choice{}, false
	}
	m := &s.members[i]
	return Choice{m.Server, m.spec.Method}, true
}

// change brings a new list into the pool, and tells the scheduler by tell.
func (p *pool) change(list sched.Servers, members []member, tell func(*pool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list, p.members, p.spare = list, members, nil
	tell(p)
}

// candidate is the member as schedulers know it.
func (m *member) candidate() sched.Server {
	return sched.Server{Addr: m.Addr, Port: m.Port, Weight: m.spec.Weight, LastWeight: m.record.lastWeight, Load: m.Load}
}

func find(members []member, addr packet.Addr, port uint16) int {
	return slices.IndexFunc(members, func(m member) bool { return m.Addr == addr && m.Port == port })
}
