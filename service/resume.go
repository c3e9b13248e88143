package service

import "director/packet"

// Name is what a real server is known by beyond the life of a registry, whose
// numbers mean nothing to another one. That of Table.Bypass is all zero.
type Name struct {
	Of   Key
	Addr packet.Addr
	Port uint16
}

// Name returns the server's name.
func (s *Server) Name() Name { return Name{s.Of, s.Addr, s.Port} }

// Named returns the servers that are in their services, by name.
func (t *Table) Named() map[Name]*Server {
	named := map[Name]*Server{}
	for _, s := range t.servers {
		if s != nil && t.Member(s.ID) {
			named[s.Name()] = s
		}
	}
	return named
}

// Resume counts a connection that an earlier director began, as Join does. By m
// its packets go to the server: answers may come by, whatever the rule says now,
// which the next table knows.
func (s *Server) Resume(active bool, m Method) {
	if m == NAT {
		s.answers.Store(true)
	}
	if s.pool.Load() == nil { // Bypass
		s.Bind(active)
		return
	}
	s.Join(active)
}

// Overload is for a server that was closed to new connections by its threshold:
// it stays so until it has few enough.
func (s *Server) Overload() {
	p := s.pool.Load()
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Load.Overloaded.Store(true)
	s.relax()
}
