package sched

import (
	"slices"

	"director/packet"
)

// localityReplicated sends everything for one destination address to a set of
// servers (ip_vs_lblcr.c), of which the one with the fewest connections for its
// weight serves. When that one is crowded, the server that wlc names joins the
// set; when the set has not changed for a day, its busiest member leaves.
//
// The cache changes only in a pick with the position that Changed was given, as
// with lblc.
type localityReplicated struct {
	home  *Position
	cache cache[serverSet]
}

// serverSet is who serves one destination.
type serverSet struct {
	members []int32 // indices into the list, the newest last
	changed int64   // when a member came or went
}

func (l *localityReplicated) Pick(flow *packet.Flow, now int64, servers Servers, pos *Position) (int, bool) {
	home := pos == l.home
	if home {
		l.cache.collect(now)
	}
	e := l.cache.find(flow.Dst)
	if e != nil {
		i, ok := e.value.idlest(servers)
		if home {
			e.used = now
			e.value.shrink(servers, now)
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
			e.value.join(i, now)
		}
	}
	return i, ok
}

// Changed keeps the cache: what it points to moved down the list.
func (l *localityReplicated) Changed(_ Servers, added int, pos *Position) {
	l.home = pos
	for i := range l.cache.entries {
		for m := range l.cache.entries[i].value.members {
			l.cache.entries[i].value.members[m] += int32(added)
		}
	}
}

// idlest returns the usable member with the fewest connections for its weight;
// of equals the one that joined last.
func (s *serverSet) idlest(servers Servers) (int, bool) {
	best, least := -1, int64(0)
	for m := len(s.members) - 1; m >= 0; m-- {
		d := &servers[s.members[m]]
		if !d.usable() {
			continue
		}
		load := d.Load.overhead()
		if best < 0 || least*int64(d.Weight) > load*int64(servers[best].Weight) {
			best, least = int(s.members[m]), load
		}
	}
	return best, best >= 0
}

// shrink removes the member with the most connections for its weight from a set
// that has not changed for long; of equals the one that joined last.
func (s *serverSet) shrink(servers Servers, now int64) {
	if len(s.members) < 2 || now <= s.changed+cacheExpiry {
		return
	}
	worst, most := -1, int64(0)
	for m := len(s.members) - 1; m >= 0; m-- {
		d := &servers[s.members[m]]
		if d.Weight == 0 {
			continue // it serves nobody here anyway
		}
		load := d.Load.overhead()
		if worst < 0 || most*int64(d.Weight) < load*int64(servers[s.members[worst]].Weight) {
			worst, most = m, load
		}
	}
	if worst >= 0 {
		s.members = slices.Delete(s.members, worst, worst+1)
		s.changed = now
	}
}

func (s *serverSet) join(i int, now int64) {
	if slices.Contains(s.members, int32(i)) {
		return
	}
	s.members = append(s.members, int32(i))
	s.changed = now
}
