// Package sched chooses the real server of a new connection. Each scheduler of
// LVS is a file of its own, with the selection rule and the tie-breaks of the
// kernel module of the same name.
//
// Schedulers run once per connection, never per packet, under the lock of
// their service: round robin is round robin with any number of workers.
package sched

import (
	"sync/atomic"

	"director/packet"
)

// Load is what the connections of one real server add up to. All workers share
// it; it changes when a connection begins, ends or changes between active and
// inactive, never per packet. It lives as long as a connection refers to the
// server.
type Load struct {
	Active atomic.Int64
	Total  atomic.Int64
	_      [48]byte // one server's connections must not slow another's
}

// Inactive returns the connections that are not active. The two counts are
// read one after the other, so the difference may be off for a moment, but it
// is never negative.
func (l *Load) Inactive() int64 { return max(0, l.Total.Load()-l.Active.Load()) }

// overhead weighs connections as the kernel does now (ip_vs_dest_conn_overhead):
// an active one costs 256 times what it costs to exist.
func (l *Load) overhead() int64 { return l.Active.Load()<<8 + l.Total.Load() }

// Server is a candidate.
type Server struct {
	Weight int32 // 0: existing connections only
	Load   *Load
}

func (s *Server) usable() bool { return s.Weight > 0 }

// Servers are the candidates of a service in LVS's list order: the one added
// last comes first. Immutable.
type Servers []Server

// Position is where a scheduler stands between two picks. The zero Position is
// that of a service without servers. It is a value, so that asking where a
// connection would go moves nothing.
type Position struct {
	next  int32 // index of the server after the last one picked
	cw    int64 // wrr: the weight that a server must have in this round
	first int64 // wrr: cw of the first round, 0 without a usable server
	step  int64 // wrr: by how much cw falls from round to round
}

// Scheduler chooses among servers.
type Scheduler interface {
	// Pick returns the index of a usable server for a new connection with the
	// given flow (the client's first packet), or false when there is none.
	Pick(flow *packet.Flow, servers Servers, pos *Position) (int, bool)
	// Changed adapts the position after a server was added at the head of the
	// list.
	Changed(servers Servers, pos *Position)
}

// Default is the scheduler of a service that names none, as in ipvsadm.
const Default = "wlc"

var byName = map[string]Scheduler{
	"rr":  roundRobin{},
	"wrr": weightedRoundRobin{},
	"lc":  leastConnection{},
	"wlc": weightedLeastConnection{},
}

// New returns the scheduler of the given name.
func New(name string) (Scheduler, bool) {
	s, ok := byName[name]
	return s, ok
}

// Names returns the names that New knows, in the order of ipvsadm's help.
func Names() []string { return []string{"rr", "wrr", "lc", "wlc"} }
