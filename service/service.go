package service

import (
	"slices"
	"sync"

	"director/packet"
	"director/sched"
)

// Service is a virtual service as the workers see it. Only its pool changes. An edit
// makes a new Service with the same pool.
type Service struct {
	Spec // without servers
	*pool
}

// pool is the part of a service that changes with connections: the scheduler and its
// position in the list. mu guards them and the list, because the position must fit
// the list.
type pool struct {
	mu        sync.Mutex
	list      sched.Servers // in list order: the last added first
	members   []member      // in the same order
	scheduler sched.Scheduler
	position  sched.Position

	// For packets that find the connection table full. spare is nil until Spare is
	// called for the current list and the servers that are skipped now.
	spare     sched.Scheduler
	spareList sched.Servers
	sparePos  sched.Position
}

// member is a server with the settings for new connections. In a draft it has no Server.
type member struct {
	*Server
	spec ServerSpec
}

// Choice is a real server for a new connection and the forwarding method.
type Choice struct {
	*Server
	Method Method
}

// Active says whether a connection begins as an active one. If the answers do not pass
// through the director, the state machine is another one.
type Active struct{ Masqueraded, Otherwise bool }

// By returns whether the connection begins as an active one by method m.
func (a Active) By(m Method) bool {
	if m == NAT {
		return a.Masqueraded
	}
	return a.Otherwise
}

// Schedule chooses a real server for a new connection and counts the connection. f is
// the flow of its first packet. Schedule returns false if no server is usable. It chooses and counts
// under one lock, so simultaneous connections are spread like consecutive ones.
func (s *Service) Schedule(f *packet.Flow, now int64, active Active) (Choice, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.Choose(f, now)
	if ok {
		c.Bind(active.By(c.Method))
	}
	return c, ok
}

// Lock locks the service, so that a worker can do several operations as one.
func (s *Service) Lock() { s.mu.Lock() }

// Unlock unlocks the service.
func (s *Service) Unlock() { s.mu.Unlock() }

// Choose is like Schedule but does not count the connection. The caller holds the
// lock.
func (s *Service) Choose(f *packet.Flow, now int64) (Choice, bool) {
	i, ok := s.scheduler.Pick(f, now, s.list, &s.position)
	if !ok {
		return Choice{}, false
	}
	m := &s.members[i]
	return Choice{m.Server, m.spec.Method}, true
}

// Member returns the choice of the server with number id, if it is in the service.
// The caller holds the lock.
func (s *Service) Member(id uint32) (Choice, bool) {
	for i := range s.members {
		if m := &s.members[i]; m.ID == id {
			return Choice{m.Server, m.spec.Method}, true
		}
	}
	return Choice{}, false
}

// Spare chooses a server for a packet whose connection has no room in the full
// connection table. It hashes the client's address (mh), so that all packets of a
// client go to one server. It ignores the service's scheduler and the thresholds of
// the servers.
func (s *Service) Spare(f *packet.Flow, now int64) (Choice, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spare == nil {
		s.spareList = slices.Clone(s.list)
		for i := range s.spareList {
			load := new(sched.Load) // never overloaded
			load.Skipped.Store(s.list[i].Load.Skipped.Load())
			s.spareList[i].Load = load
		}
		s.spare, _ = sched.New("mh", sched.Options{Flags: sched.Fallback}) // mh exists
		s.spare.Bind(s.spareList, &s.sparePos)
	}
	i, ok := s.spare.Pick(f, now, s.spareList, &s.sparePos)
	if !ok {
		return Choice{}, false
	}
	m := &s.members[i]
	return Choice{m.Server, m.spec.Method}, true
}

// change replaces the lists of the pool and informs the scheduler by calling tell.
func (p *pool) change(list sched.Servers, members []member, tell func(*pool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list, p.members, p.spare = list, members, nil
	tell(p)
}

// candidate returns the member in the form that schedulers use.
func (m *member) candidate() sched.Server {
	return sched.Server{Addr: m.Addr, Port: m.Port, Weight: m.spec.Weight, LastWeight: m.record.lastWeight, Load: m.Load}
}

func find(members []member, addr packet.Addr, port uint16) int {
	return slices.IndexFunc(members, func(m member) bool { return m.spec.Addr == addr && m.spec.Port == port })
}

// few is the number of members up to which they are searched one by one.
const few = 32

// holds reports whether a server is among the members.
func (s *registered) holds(addr packet.Addr, port uint16) bool {
	if s.places != nil {
		return s.places[place{addr, port}]
	}
	return find(s.members.values(), addr, port) >= 0
}

// push adds a member at the head of the list.
func (s *registered) push(m member) {
	s.members.push(m)
	switch all := s.members.values(); {
	case s.places != nil:
		s.places[place{m.spec.Addr, m.spec.Port}] = true
	case len(all) > few:
		s.places = make(map[place]bool, 2*len(all))
		for i := range all {
			s.places[place{all[i].spec.Addr, all[i].spec.Port}] = true
		}
	}
}
