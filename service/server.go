package service

import (
	"sync/atomic"

	"director/packet"
	"director/sched"
)

// Server is a real server of one service. Its number is its index in the table and
// refers to it in the connection table. After its removal the server stays in the
// trash as long as connections refer to it. If it is added again meanwhile, the same
// Server is used again. The kernel has the same trash.
type Server struct {
	Addr packet.Addr
	Port uint16
	ID   uint32
	Of   Key // its service

	Load       *sched.Load
	Persistent atomic.Int64          // number of persistence templates that refer to it
	Path       *Path                 // the path to its address
	Unassured  *[Crowds]atomic.Int64 // of its service, removed servers included: see conntrack.Table.Share

	tunnel   atomic.Uint32
	weight   atomic.Int32
	answers  atomic.Bool // used masquerading at some time, so connections may still do
	upper    atomic.Uint32
	lower    atomic.Uint32
	pool     atomic.Pointer[pool] // of its service, or of its last one if the server was removed
	counters []Counters           // by worker
	record   record               // used by the registry only
}

// Path is the path MTU to the address of a real server, as routers reported it. All
// servers with the same address share it, and so do all workers. Its word has these parts,
// most significant first:
//
//	until 47 | narrow 1 | MTU 16
//
// until is the time in seconds at which the MTU expires.
type Path struct{ word atomic.Uint64 }

const (
	// pathTime is the time in seconds after which a learned path MTU expires (mtu_expires
	// in net/ipv4/route.c).
	pathTime   = 600
	pathShift  = 17
	pathNarrow = 1 << 16
)

// Learn stores an MTU that a router reported, but at least least. Then the path is narrow:
// packets to the server must be fragmentable. Learn never raises an MTU that is in force,
// and it changes a path at most once a second, so that nobody can change it faster than
// traffic adapts. now is in nanoseconds.
func (p *Path) Learn(mtu, least uint16, now int64) {
	seconds := now / second
	was := p.word.Load()
	until := int64(was >> pathShift)
	if inForce := seconds < until; inForce && (mtu > uint16(was) || seconds+pathTime == until) {
		return
	}
	word := uint64(seconds+pathTime)<<pathShift | uint64(max(mtu, least))
	if mtu < least {
		word |= pathNarrow
	}
	p.word.Store(word)
}

// MTU returns the smaller of mtu and the learned MTU, unless that has expired. narrow
// reports whether the path is narrower than Learn wanted to believe.
func (p *Path) MTU(mtu uint16, now int64) (width uint16, narrow bool) {
	word := p.word.Load()
	if word == 0 || now/second >= int64(word>>pathShift) {
		return mtu, false
	}
	return min(mtu, uint16(word)), word&pathNarrow != 0
}

func (r *Registry) newServer(id identity) *Server {
	n := len(r.servers)
	if last := len(r.free) - 1; last >= 0 {
		n, r.free = int(r.free[last]), r.free[:last]
	} else {
		r.servers, r.member, r.tunnels = append(r.servers, nil), append(r.member, false), append(r.tunnels, false)
	}
	server := r.slab.take(r.options.Workers)
	server.Addr, server.Port, server.ID, server.Of = id.addr, id.port, uint32(n), id.of
	server.Path, server.Unassured = r.path(id.addr), r.counter(id.of)
	r.servers[n] = server
	return server
}

// slab is memory for several servers. All servers of a new service take little time if
// their memory is allocated at once.
type slab struct {
	servers  []Server
	loads    []sched.Load
	counters []Counters
}

func newSlab(servers, workers int) slab {
	return slab{make([]Server, servers), make([]sched.Load, servers), make([]Counters, servers*workers)}
}

// take returns the next server, with its load and its counters. If there is none left, it
// allocates one.
func (s *slab) take(workers int) *Server {
	if len(s.servers) == 0 {
		*s = newSlab(1, workers)
	}
	server := &s.servers[0]
	server.Load, server.counters = &s.loads[0], s.counters[:workers:workers]
	s.servers, s.loads, s.counters = s.servers[1:], s.loads[1:], s.counters[workers:]
	return server
}

// configure stores the parts of spec that take effect before the next Commit.
func (s *Server) configure(spec ServerSpec) {
	s.weight.Store(spec.Weight)
	s.setTunnel(spec.Tunnel)
	if spec.Method == NAT {
		s.answers.Store(true)
	}
	if spec.Weight != 0 {
		s.record.lastWeight = spec.Weight
	}
}

// Answers reports whether answers of the server may pass through the director,
// because the server uses masquerading or did so before.
func (s *Server) Answers() bool { return s.answers.Load() }

// Weight returns the current weight of the server.
func (s *Server) Weight() int32 { return s.weight.Load() }

// Tunnel returns the current tunnel of the server. Connections that use a tunnel
// follow an edit of the server, because ip_vs_tunnel_xmit reads the tunnel from the
// destination and not from the connection.
func (s *Server) Tunnel() packet.Tunnel {
	w := s.tunnel.Load()
	return packet.Tunnel{Encap: packet.Encap(w >> 24), Checksum: packet.TunnelChecksum(w >> 16), Port: uint16(w)}
}

func (s *Server) setTunnel(t packet.Tunnel) {
	s.tunnel.Store(uint32(t.Encap)<<24 | uint32(t.Checksum)<<16 | uint32(t.Port))
}

// Ref counts a persistence template that refers to the server.
func (s *Server) Ref() { s.Persistent.Add(1) }

// Unref undoes Ref.
func (s *Server) Unref() { s.Persistent.Add(-1) }

// Bind counts a new connection to the server. The caller holds the lock of the
// service.
func (s *Server) Bind(active bool) {
	n := s.Load.Total.Add(1)
	if active {
		s.Load.Active.Add(1)
	}
	if upper := s.upper.Load(); upper != 0 && n >= int64(upper) {
		s.Load.Overloaded.Store(true)
	}
}

// Join is like Bind for a caller that does not hold the lock. The server must be or
// have been in a service.
func (s *Server) Join(active bool) {
	p := s.pool.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Bind(active)
}

// Release undoes Bind for a connection that ended, or that was counted but could not
// be inserted.
func (s *Server) Release(active bool) {
	s.Load.Total.Add(-1)
	if active {
		s.Load.Active.Add(-1)
	}
	if s.upper.Load() != 0 {
		// The threshold is compared under the lock. Otherwise a worker that ends a
		// connection could decide by an old count after another began one.
		p := s.pool.Load()
		p.mu.Lock()
		defer p.mu.Unlock()
		s.relax()
	}
}

// relax ends the overload of a server that has few enough connections. The caller
// holds the lock of the service.
func (s *Server) relax() {
	total, upper, lower := s.Load.Total.Load(), int64(s.upper.Load()), int64(s.lower.Load())
	switch {
	case upper == 0, lower != 0 && total < lower, lower == 0 && total*4 < upper*3:
		s.Load.Overloaded.Store(false)
	}
}

// limit sets the thresholds and compares the load with them. The caller holds the
// lock of the service.
func (s *Server) limit(upper, lower uint32) {
	s.upper.Store(upper)
	s.lower.Store(lower)
	if upper != 0 && s.Load.Total.Load() >= int64(upper) {
		s.Load.Overloaded.Store(true)
		return
	}
	s.relax()
}
