// Package sched chooses the real server of a new connection. Each scheduler of
// LVS is a file of its own, with the selection rule and the tie-breaks of the
// kernel module of the same name.
//
// Schedulers run once per connection, never per packet, under the lock of
// their service: round robin is round robin with any number of workers.
package sched

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
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

// Server is a candidate. Its address and port tell it from the others wherever
// directors must agree on a choice.
type Server struct {
	Addr   packet.Addr
	Port   uint16
	Weight int32 // 0: existing connections only
	Load   *Load
}

func (s *Server) usable() bool { return s.Weight > 0 }

// Servers are the candidates of a service in LVS's list order: the one added
// last comes first. Immutable.
type Servers []Server

// Position is where a scheduler stands between two picks. The zero Position is
// that of a service without servers. It is a value, so that asking where a
// connection would go, from a copy, moves nothing. A scheduler that remembers
// more than this knows its own Position by its address, which therefore must not
// change after Changed.
type Position struct {
	next  int32 // index of the server after the last one picked
	cw    int64 // wrr: the weight that a server must have in this round
	first int64 // wrr: cw of the first round, 0 without a usable server
	step  int64 // wrr: by how much cw falls from round to round

	random rand.PCG // twos
}

// Scheduler chooses among the servers of one service. It may hold what it
// derives from their list; whoever calls it holds the service's lock.
type Scheduler interface {
	// Pick returns the index of a usable server for a new connection with the
	// given flow (the client's first packet), or false when there is none. now
	// is the time in nanoseconds since any moment, and never goes back. With a
	// copy of the position it answers likewise and changes nothing but the copy.
	Pick(flow *packet.Flow, now int64, servers Servers, pos *Position) (int, bool)
	// Changed follows the adding of servers, which now are the first added of
	// the list, the last of them at its head. It is called before the first pick
	// of a service, if only to say that there are none.
	Changed(servers Servers, added int, pos *Position)
}

// Default is the scheduler of a service that names none, as in ipvsadm.
const Default = "wlc"

// makers are in the order of ipvsadm's help, which does not know twos.
var makers = []struct {
	name string
	make func(flags Flags, seed uint64) Scheduler
}{
	{"rr", func(Flags, uint64) Scheduler { return roundRobin{} }},
	{"wrr", func(Flags, uint64) Scheduler { return weightedRoundRobin{} }},
	{"lc", func(Flags, uint64) Scheduler { return leastConnection{} }},
	{"wlc", func(Flags, uint64) Scheduler { return weightedLeastConnection{} }},
	{"lblc", func(Flags, uint64) Scheduler { return &localityLeastConnection{} }},
	{"lblcr", func(Flags, uint64) Scheduler { return &localityReplicated{} }},
	{"dh", func(Flags, uint64) Scheduler { return destinationHash{} }},
	{"sh", func(f Flags, _ uint64) Scheduler { return &sourceHash{flags: f} }},
	{"sed", func(Flags, uint64) Scheduler { return shortestDelay{} }},
	{"nq", func(Flags, uint64) Scheduler { return neverQueue{} }},
	{"fo", func(Flags, uint64) Scheduler { return failover{} }},
	{"ovf", func(Flags, uint64) Scheduler { return overflow{} }},
	{"mh", func(f Flags, _ uint64) Scheduler { return &maglev{flags: f} }},
	{"twos", func(_ Flags, seed uint64) Scheduler { return twoRandom{seed} }},
}

// New returns a scheduler of the given name for one service. What it draws at
// random follows from seed.
func New(name string, flags Flags, seed uint64) (Scheduler, error) {
	for _, m := range makers {
		if m.name == name {
			return m.make(flags, seed), nil
		}
	}
	return nil, fmt.Errorf("scheduler %q: not known: use one of %s", name, strings.Join(Names(), ", "))
}

// MaxServers returns how many servers a service with the given scheduler may
// have. A hash table has room for so many; the kernel refuses more likewise.
func MaxServers(name string) int {
	if name == "mh" {
		return mhSlots
	}
	return math.MaxInt32
}

// Names returns the names that New knows, in the order of ipvsadm's help.
func Names() []string {
	names := make([]string, len(makers))
	for i, m := range makers {
		names[i] = m.name
	}
	return names
}
