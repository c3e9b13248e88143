package service

import "director/packet"

// Name identifies a real server across restarts. The number of a server is valid in
// one registry only. The name of Table.Bypass is the zero Name.
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

// Resume counts a connection that an earlier director process began, as Join does. m
// is the method of the connection. If m is NAT, the server's answers pass through the
// director even if its rule has another method now. The next table takes this into
// account.
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

// Overload restores the state of a server that got no new connections because of its
// upper threshold. It stays overloaded until it has few enough connections.
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
