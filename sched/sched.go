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

	"director/packet"
)

// Position is where a scheduler stands between two picks. It is a value, so
// that asking where a connection would go, from a copy, moves nothing. A
// scheduler that remembers more than this knows its own Position by its address,
// which therefore must not change after Bind.
type Position struct {
	next  int32 // index of the server after the last one picked; 0 at the head
	cw    int64 // wrr: the weight that a server must have in this round
	first int64 // wrr: cw of the first round, 0 when nobody has any weight
	step  int64 // wrr: by how much cw falls from round to round

	random rand.PCG // twos
}

// Scheduler chooses among the servers of one service. It may hold what it
// derives from their list, so it hears of each change; whoever calls it holds
// the service's lock. A server is known by its Load: one that was removed and
// comes back with the same Load is the same.
type Scheduler interface {
	// Pick returns the index of a usable server for a new connection with the
	// given flow (the client's first packet), or false when there is none. now
	// is the time in nanoseconds since any moment, and never goes back. With a
	// copy of the position it answers likewise and changes nothing but the copy.
	Pick(flow *packet.Flow, now int64, servers Servers, pos *Position) (int, bool)
	// Bind begins for a service that has these servers already: none if it is
	// new. It comes before everything else, once, and makes the position its own
	// whatever that was before.
	Bind(servers Servers, pos *Position)
	// Added follows the adding of the server that now is at the head.
	Added(servers Servers, pos *Position)
	// Removed follows the removal of the server that was at index at.
	Removed(servers Servers, at int, pos *Position)
	// Edited follows the editing of the server at index at: of its weight or its
	// thresholds.
	Edited(servers Servers, at int, pos *Position)
}

// stateless is part of the schedulers that have nothing to keep: their choice
// depends on the list as it is.
type stateless struct{}

func (stateless) Bind(Servers, *Position)         {}
func (stateless) Added(Servers, *Position)        {}
func (stateless) Removed(Servers, int, *Position) {}
func (stateless) Edited(Servers, int, *Position)  {}

// Default is the scheduler of a service that names none, as in ipvsadm.
const Default = "wlc"

// makers are in the order of ipvsadm's help, which does not know the last two.
var makers = []struct {
	name string
	rule string // in a line, for whoever asks why
	make func(o Options) Scheduler
}{
	{"rr", "the next usable server of the list, in turn", func(Options) Scheduler { return roundRobin{} }},
	{"wrr", "in turn, the heavier ones in more rounds", func(Options) Scheduler { return weightedRoundRobin{} }},
	{"lc", "least 256*active + all connections", func(Options) Scheduler { return leastConnection{} }},
	{"wlc", "least (256*active + all connections) / weight", func(Options) Scheduler { return weightedLeastConnection{} }},
	{"lblc", "the server of this destination, unless it is crowded: then as wlc", func(o Options) Scheduler { return &localityLeastConnection{expiry: &o.Tunables.LBLCExpiry} }},
	{"lblcr", "the least loaded of the servers of this destination, unless it is crowded: then as wlc", func(o Options) Scheduler { return &localityReplicated{expiry: &o.Tunables.LBLCRExpiry} }},
	{"dh", "a hash of the destination address", func(Options) Scheduler { return destinationHash{} }},
	{"sh", "a hash of the client's address", func(o Options) Scheduler { return &sourceHash{flags: o.Flags} }},
	{"sed", "least (active + 1) / weight", func(Options) Scheduler { return shortestDelay{} }},
	{"nq", "the first without an active connection, else least (active + 1) / weight", func(Options) Scheduler { return neverQueue{} }},
	{"fo", "the largest weight", func(Options) Scheduler { return failover{} }},
	{"ovf", "the largest weight of those with no more active connections than weight", func(Options) Scheduler { return overflow{} }},
	{"mh", "a consistent hash of the client's address", func(o Options) Scheduler { return &maglev{flags: o.Flags} }},
	{"twos", "of two drawn at random, heavy ones more often, the least (256*active + all connections) / weight", func(o Options) Scheduler { return twoRandom{seed: o.Seed} }},
	{"none", "no server for anybody", func(Options) Scheduler { return never{} }},
}

// New returns a scheduler of the given name for one service.
func New(name string, o Options) (Scheduler, error) {
	if o.Tunables == nil {
		o.Tunables = NewTunables()
	}
	for _, m := range makers {
		if m.name == name {
			return m.make(o), nil
		}
	}
	return nil, fmt.Errorf("scheduler %q: not known: use one of %s", name, strings.Join(Names(), ", "))
}

// Rule returns in a line how the scheduler of that name chooses among the usable
// servers, "" where there is none.
func Rule(name string) string {
	for _, m := range makers {
		if m.name == name {
			return m.rule
		}
	}
	return ""
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
