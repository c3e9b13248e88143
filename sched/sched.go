// Package sched chooses the real server of a new connection. Each scheduler of LVS has
// its own file. It has the same rule as the kernel module of the same name, and the same
// choice among equal servers.
//
// Schedulers run once per connection and not for every packet. The caller holds the lock
// of the service, so round robin is exact with any number of workers.
package sched

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"director/packet"
)

// Position is the state of a scheduler between two picks. It is a value: a pick with a
// copy tells where a connection would go, and changes nothing. A scheduler with more
// state recognises its own Position by the address, which therefore must not change after
// Bind.
type Position struct {
	next  int32 // the index of the server after the last one picked; 0: the head
	cw    int64 // wrr: the weight that a server needs in this round
	first int64 // wrr: cw of the first round; 0 if no server has a weight
	step  int64 // wrr: the difference of cw between two rounds

	random rand.PCG // twos
}

// Scheduler chooses among the servers of one service. It is told of each change of their
// list, because it may keep data that depends on it. The caller holds the lock of the
// service. A server is identified by its Load: if it is removed and then added again with
// the same Load, it is the same server.
type Scheduler interface {
	// Pick returns the index of a usable server for a new connection with the
	// given flow (that of the client's first packet), or false if there is none. now
	// is the time in nanoseconds since any fixed moment and never decreases. With a copy
	// of the position the result is the same, and only the copy changes.
	Pick(flow *packet.Flow, now int64, servers Servers, pos *Position) (int, bool)
	// Bind starts the scheduler for a service that already has these servers; a new
	// service has none. It is called once, before all other methods. It sets the
	// position, regardless of its previous value.
	Bind(servers Servers, pos *Position)
	// Added is called after a server was added, which now is at the head.
	Added(servers Servers, pos *Position)
	// Removed is called after the server at index at was removed.
	Removed(servers Servers, at int, pos *Position)
	// Edited is called after the weight or the thresholds of the server at index at have
	// changed.
	Edited(servers Servers, at int, pos *Position)
}

// stateless is embedded in schedulers without state: their choice depends on the current
// list alone.
type stateless struct{}

func (stateless) Bind(Servers, *Position)         {}
func (stateless) Added(Servers, *Position)        {}
func (stateless) Removed(Servers, int, *Position) {}
func (stateless) Edited(Servers, int, *Position)  {}

// Default is the scheduler of a service that does not name one, as in ipvsadm.
const Default = "wlc"

// makers has the order of ipvsadm's help, which does not contain the last two.
var makers = []struct {
	name string
	rule string // one line for director why
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

// Rule describes in one line how the scheduler with this name chooses among the usable
// servers. It returns "" if there is no such scheduler.
func Rule(name string) string {
	for _, m := range makers {
		if m.name == name {
			return m.rule
		}
	}
	return ""
}

// MaxServers returns the largest number of servers of a service with the given scheduler.
// The table of mh is limited; the kernel refuses more servers, too.
func MaxServers(name string) int {
	if name == "mh" {
		return mhSlots
	}
	return math.MaxInt32
}

// Names returns the names that New accepts, in the order of ipvsadm's help.
func Names() []string {
	names := make([]string, len(makers))
	for i, m := range makers {
		names[i] = m.name
	}
	return names
}
