package sched

import (
	"slices"
	"sync/atomic"

	"director/packet"
)

// Load counts the connections of one real server. All workers share it. It changes when a
// connection begins, ends or changes between active and inactive, but not with every
// packet. It exists as long as a connection refers to the server.
type Load struct {
	Active     atomic.Int64
	Total      atomic.Int64
	Overloaded atomic.Bool // by the server's thresholds: it gets no new connections
	// Skipped is set while packets cannot reach the server but can reach another server
	// of its service. It gets no new connections. It changes under the lock of the
	// service.
	Skipped atomic.Bool

	// For schedulers that remember servers. Guarded by the lock of their service.
	place  int32 // the number of servers after it in the list
	weight int32

	_ [32]byte // two servers must not share a cache line
}

// Inactive returns the number of connections that are not active. The two counts are
// read one after the other, so the result can be wrong for a moment. It is never
// negative.
func (l *Load) Inactive() int64 { return max(0, l.Total.Load()-l.Active.Load()) }

// overhead is the cost of the server's connections (ip_vs_dest_conn_overhead): 1 for
// each connection, and 256 more for an active one.
func (l *Load) overhead() int64 { return l.Active.Load()<<8 + l.Total.Load() }

// Server is a candidate. If several directors must make the same choice, they identify a
// server by its address and port.
type Server struct {
	Addr   packet.Addr
	Port   uint16
	Weight int32 // 0: existing connections only
	// LastWeight is the last weight that was not 0, or 0 if there was none. mh keeps the
	// slots of a server while it has weight 0.
	LastWeight int32
	Load       *Load
}

func (s *Server) usable() bool {
	return s.Weight > 0 && !s.Load.Overloaded.Load() && !s.Load.Skipped.Load()
}

// skipped reports whether the server would get connections if packets could reach it. The
// schedulers that hash then choose another server, even without the flag Fallback. With
// weight 0 they refuse the client, as in the kernel: the operator wants that.
func (s *Server) skipped() bool { return s.Weight > 0 && s.Load.Skipped.Load() }

// Servers are the candidates of a service in the order of LVS's list: the one that was
// added last comes first. They are immutable.
type Servers []Server

func (s Servers) usable() bool {
	return slices.ContainsFunc(s, func(server Server) bool { return server.usable() })
}
