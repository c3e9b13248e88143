package sched

import (
	"slices"
	"sync/atomic"

	"director/packet"
)

// Load is what the connections of one real server add up to. All workers share
// it; it changes when a connection begins, ends or changes between active and
// inactive, never per packet. It lives as long as a connection refers to the
// server.
type Load struct {
	Active     atomic.Int64
	Total      atomic.Int64
	Overloaded atomic.Bool // by the server's thresholds: nothing new is scheduled to it

	// For schedulers that remember servers, under their service's lock.
	place  int32 // how many servers come after it in the list
	weight int32

	_ [36]byte // one server's connections must not slow another's
}

// Inactive returns the connections that are not active. The two counts are
// read one after the other, so the difference may be off for a moment, but it
// is never negative.
func (l *Load) Inactive() int64 { return max(0, l.Total.Load()-l.Active.Load()) }

// overhead weighs connections as the kernel does now (ip_vs_dest_conn_overhead):
// an active one costs 256 times what it costs to exist.
func (l *Load) overhead() int64 { return l.Active.Load()<<8 + l.Total.Load() }

// Server is a candidate. Its address and port tell it from the others wherever
// directors must agree on a choice.
type Server struct {
	Addr   packet.Addr
	Port   uint16
	Weight int32 // 0: existing connections only
	// LastWeight is the last weight other than 0, and 0 for who never had any:
	// mh keeps a server's slots while it has weight 0.
	LastWeight int32
	Load       *Load
}

func (s *Server) usable() bool { return s.Weight > 0 && !s.Load.Overloaded.Load() }

// Servers are the candidates of a service in LVS's list order: the one added
// last comes first. Immutable.
type Servers []Server

func (s Servers) usable() bool {
	return slices.ContainsFunc(s, func(server Server) bool { return server.usable() })
}
