package service

import (
	"sync/atomic"

	"director/packet"
	"director/sched"
)

// Server is a real server of one service. Its number is its place in the table
// and stands for it in the connection table. It lives on after its removal as
// long as connections refer to it, and is the same again when it is added anew
// (the kernel's trash).
type Server struct {
	Addr packet.Addr
	Port uint16
	ID   uint32
	Of   Key // the service

	Load       *sched.Load
	Persistent atomic.Int64 // templates that point to it
	Path       *Path        // to its address

	tunnel   atomic.Uint32
	weight   atomic.Int32
	answers  atomic.Bool // ever masqueraded: connections may be, still
	upper    atomic.Uint32
	lower    atomic.Uint32
	pool     atomic.Pointer[pool] // of its service, the last one if it was removed
	counters []Counters           // by worker
	record   record               // the registry's
}

// Path is what is known of the way to a real server's address beyond its route:
// the largest packet that routers on it let pass. All servers of one address
// share it, and all workers.
type Path struct{ word atomic.Uint64 }

// pathTime is how long a path's MTU is believed, in seconds (mtu_expires of
// net/ipv4/route.c).
const pathTime = 600

// Learn notes an MTU that a router told at time now, in nanoseconds.
func (p *Path) Learn(mtu uint16, now int64) {
	until := now/second + pathTime
	p.word.Store(uint64(until)<<16 | uint64(mtu))
}

// MTU returns the smaller of mtu and what was learned of late.
func (p *Path) MTU(mtu uint16, now int64) uint16 {
	word := p.word.Load()
	if word == 0 || now/second >= int64(word>>16) {
		return mtu
	}
	return min(mtu, uint16(word))
}

// Answers reports whether answers of the server may come by: it masquerades, or
// did so once.
func (s *Server) Answers() bool { return s.answers.Load() }

// Weight returns the server's weight as it is now.
func (s *Server) Weight() int32 { return s.weight.Load() }

// Tunnel returns how packets are wrapped for the server now, where its
// connections are tunnelled: they follow an edit of the server
// (ip_vs_tunnel_xmit asks the destination, not the connection).
func (s *Server) Tunnel() packet.Tunnel {
	w := s.tunnel.Load()
	return packet.Tunnel{Encap: packet.Encap(w >> 24), Checksum: packet.TunnelChecksum(w >> 16), Port: uint16(w)}
}

func (s *Server) setTunnel(t packet.Tunnel) {
	s.tunnel.Store(uint32(t.Encap)<<24 | uint32(t.Checksum)<<16 | uint32(t.Port))
}

// Ref counts a template that points to the server, and Unref one that does
// no more.
func (s *Server) Ref() { s.Persistent.Add(1) }

// Unref takes back Ref.
func (s *Server) Unref() { s.Persistent.Add(-1) }

// Bind counts a connection that begins to the server. The caller holds the lock
// of its service.
func (s *Server) Bind(active bool) {
	n := s.Load.Total.Add(1)
	if active {
		s.Load.Active.Add(1)
	}
	if upper := s.upper.Load(); upper != 0 && n >= int64(upper) {
		s.Load.Overloaded.Store(true)
	}
}

// Join is Bind for a caller that does not hold the lock. The server must be, or
// have been, in a service.
func (s *Server) Join(active bool) {
	p := s.pool.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Bind(active)
}

// Release takes back the counting of a connection that ended, or that was
// counted and did not come to be.
func (s *Server) Release(active bool) {
	s.Load.Total.Add(-1)
	if active {
		s.Load.Active.Add(-1)
	}
	if s.upper.Load() != 0 {
		// Crossing a threshold is judged under the lock: of two workers that
		// begin and end a connection the last must not judge by an old count.
		p := s.pool.Load()
		p.mu.Lock()
		defer p.mu.Unlock()
		s.relax()
	}
}

// relax makes an overloaded server eligible again once it has few enough
// connections. The caller holds the lock of its service.
func (s *Server) relax() {
	total, upper, lower := s.Load.Total.Load(), int64(s.upper.Load()), int64(s.lower.Load())
	switch {
	case upper == 0, lower != 0 && total < lower, lower == 0 && total*4 < upper*3:
		s.Load.Overloaded.Store(false)
	}
}

// limit sets the thresholds and judges the load anew. The caller holds the lock
// of its service.
func (s *Server) limit(upper, lower uint32) {
	s.upper.Store(upper)
	s.lower.Store(lower)
	if upper != 0 && s.Load.Total.Load() >= int64(upper) {
		s.Load.Overloaded.Store(true)
		return
	}
	s.relax()
}
