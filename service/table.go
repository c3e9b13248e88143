package service

import (
	"math/bits"
	"math/rand/v2"
	"sync"

	"director/packet"
	"director/sched"
)

// Server is a real server of one service. Its number is its place in the table
// and stands for it in the connection table.
type Server struct {
	ServerSpec
	ID      uint32
	Service Key
	Load    *sched.Load
}

// Service is a virtual service. Everything but the position and the scheduler is
// immutable; these, and the choice that moves them, are guarded by mu.
type Service struct {
	Key
	list    sched.Servers // in list order: the last added first
	servers []*Server     // likewise

	mu        sync.Mutex
	scheduler sched.Scheduler
	position  sched.Position
}

// Schedule chooses a real server for a new connection, of which f is the first
// packet, and counts the connection to it. active says whether it begins as an
// active one. It returns nil when no server is usable. Choosing and counting
// are one step, so that connections that workers begin at the same moment are
// spread like ones that begin one after the other.
func (s *Service) Schedule(f *packet.Flow, now int64, active bool) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.scheduler.Pick(f, now, s.list, &s.position)
	if !ok {
		return nil
	}
	server := s.servers[i]
	server.Load.Total.Add(1)
	if active {
		server.Load.Active.Add(1)
	}
	return server
}

// Release takes back the counting of a connection that ended, or that Schedule
// counted and that did not come to be.
func (s *Server) Release(active bool) {
	s.Load.Total.Add(-1)
	if active {
		s.Load.Active.Add(-1)
	}
}

// Table is an immutable set of services, looked up by every worker for every
// packet.
type Table struct {
	services []*Service
	servers  []*Server

	// Open-addressing tables with linear probing, a power of two in size and
	// at most a quarter full, so that nearly every look-up ends in the first
	// cell. An empty cell has the zero address.
	vips  []packet.Addr
	cells []*Service
}

// New makes the table of the given services.
func New(specs []Spec) (*Table, error) {
	size := 1 << bits.Len(uint(4*len(specs)))
	t := &Table{vips: make([]packet.Addr, size), cells: make([]*Service, size)}
	for i := range specs {
		if err := t.add(&specs[i]); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Table) add(spec *Spec) error {
	seed := spec.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	scheduler, err := sched.New(spec.Scheduler, spec.Flags, seed)
	if err != nil {
		return err
	}
	n := len(spec.Servers)
	s := &Service{Key: spec.Key, scheduler: scheduler, list: make(sched.Servers, n), servers: make([]*Server, n)}
	for i, server := range spec.Servers {
		r := &Server{ServerSpec: server, ID: uint32(len(t.servers)), Service: spec.Key, Load: new(sched.Load)}
		t.servers = append(t.servers, r)
		s.servers[n-1-i] = r
		s.list[n-1-i] = sched.Server{Addr: r.Addr, Port: r.Port, Weight: r.Weight, Load: r.Load}
	}
	scheduler.Changed(s.list, n, &s.position)
	t.services = append(t.services, s)

	mask := uint64(len(t.cells) - 1)
	i := hash(spec.Addr, spec.Port, spec.Proto) & mask
	for t.cells[i] != nil {
		i = (i + 1) & mask
	}
	t.cells[i] = s
	i = hash(spec.Addr, 0, 0) & mask
	for !t.vips[i].IsZero() && t.vips[i] != spec.Addr {
		i = (i + 1) & mask
	}
	t.vips[i] = spec.Addr
	return nil
}

// hash spreads the few keys that the operator chose; nobody else chooses them.
func hash(a packet.Addr, port uint16, proto uint8) uint64 {
	h := (a.Hi ^ bits.RotateLeft64(a.Lo, 24) ^ uint64(port)<<8 ^ uint64(proto)) * 0x9e3779b97f4a7c15
	return h >> 32
}

// VIP reports whether a is the address of a service.
func (t *Table) VIP(a packet.Addr) bool {
	mask := uint64(len(t.vips) - 1)
	for i := hash(a, 0, 0) & mask; !t.vips[i].IsZero(); i = (i + 1) & mask {
		if t.vips[i] == a {
			return true
		}
	}
	return false
}

// Lookup returns the service at the destination of f, or nil.
func (t *Table) Lookup(f *packet.Flow) *Service {
	key := Key{f.Dst, f.DstPort, f.Proto}
	mask := uint64(len(t.cells) - 1)
	for i := hash(f.Dst, f.DstPort, f.Proto) & mask; t.cells[i] != nil; i = (i + 1) & mask {
		if t.cells[i].Key == key {
			return t.cells[i]
		}
	}
	return nil
}

// Server returns the real server with number id.
func (t *Table) Server(id uint32) *Server { return t.servers[id] }

// Servers returns all real servers by number. The caller must not change it.
func (t *Table) Servers() []*Server { return t.servers }

// Services returns all services in the order of their specification. The
// caller must not change it.
func (t *Table) Services() []*Service { return t.services }
