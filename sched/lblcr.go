package sched

import (
	"slices"
	"sync/atomic"

	"director/packet"
)

// localityReplicated sends everything for one destination address to a set of servers
// (ip_vs_lblcr.c). The member whose connections cost least for its weight serves. If it
// is crowded, the server that wlc chooses is added to the set. If the set has not changed
// for a long time, the busiest member is removed.
//
// As with lblc, the cache changes only with time, and in a pick with the position that
// was given to Bind.
type localityReplicated struct {
	places
	expiry *atomic.Int64 // nanoseconds
	home   *Position
	cache  cache[serverSet]
}

// setGone is how many members a set may keep that were removed from the service, because
// they may be added again. The kernel keeps all of them, with their memory.
const setGone = 16

// serverSet is the set of servers of one destination.
type serverSet struct {
	members []*Load // the newest last; may have been removed from the service
	changed int64   // when a member was added or removed
}

func (l *localityReplicated) Pick(flow *packet.Flow, now int64, servers Servers, pos *Position) (int, bool) {
	home := pos == l.home
	l.cache.collect(now, l.expiry.Load())
	e := l.cache.find(flow.Dst)
	if e != nil {
		i, ok := e.value.idlest(servers)
		if home {
			e.used = now
			e.value.shrink(now, l.expiry.Load())
		}
		if ok && !crowded(servers, i) {
			return i, true
		}
	}
	i, ok := weightedLeastConnection{}.Pick(flow, now, servers, pos)
	if ok && home {
		if e == nil {
			e = l.cache.insert(flow.Dst, now)
		}
		if e != nil {
			e.value.join(servers, i, now)
		}
	}
	return i, ok
}

func (l *localityReplicated) Bind(servers Servers, pos *Position) {
	l.home = pos
	l.places.bind(servers)
}

// idlest returns the usable member whose connections cost least for its weight. If
// several are equal, it is the one that was added last.
func (s *serverSet) idlest(servers Servers) (int, bool) {
	best := least{index: -1}
	for _, member := range slices.Backward(s.members) {
		if i, ok := member.find(servers); ok && servers[i].usable() {
			best.offer(i, member.overhead(), servers[i].Weight)
		}
	}
	return best.index, best.index >= 0
}

// shrink removes the member whose connections cost most for its weight, if the set has
// not changed for the given time. If several are equal, it is the one that was added
// last. Members that were removed from the service are compared by their last weight.
func (s *serverSet) shrink(now, expiry int64) {
	if len(s.members) < 2 || now <= s.changed+expiry {
		return
	}
	worst, most := -1, int64(0)
	for m, member := range slices.Backward(s.members) {
		if member.weight == 0 || member.Skipped.Load() {
			continue // it serves no connection of this set anyway
		}
		load := member.overhead()
		if worst < 0 || most*int64(member.weight) < load*int64(s.members[worst].weight) {
			worst, most = m, load
		}
	}
	if worst >= 0 {
		s.members = slices.Delete(s.members, worst, worst+1)
		s.changed = now
	}
}

// join adds the server with index i.
func (s *serverSet) join(servers Servers, i int, now int64) {
	member := servers[i].Load
	if slices.Contains(s.members, member) {
		return
	}
	if len(s.members) >= len(servers)+setGone {
		oldest := slices.IndexFunc(s.members, func(m *Load) bool { _, ok := m.find(servers); return !ok })
		s.members = slices.Delete(s.members, oldest, oldest+1)
	}
	s.members = append(s.members, member)
	s.changed = now
}
