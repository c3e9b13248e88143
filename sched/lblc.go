package sched

import "director/packet"

// localityLeastConnection sends everything for one destination address to one
// server, as long as that is not crowded (ip_vs_lblc.c): for caches that stand
// behind a firewall mark or many addresses. A destination that is new, or whose
// server is crowded or has weight 0, goes where wlc says.
//
// The cache changes only in a pick with the position that Changed was given.
// Who picks from a copy of it, to ask, reads the cache as it is.
type localityLeastConnection struct {
	home  *Position
	cache cache[int32] // indices into the list
}

func (l *localityLeastConnection) Pick(flow *packet.Flow, now int64, servers Servers, pos *Position) (int, bool) {
	home := pos == l.home
	if home {
		l.cache.collect(now)
	}
	e := l.cache.find(flow.Dst)
	if e != nil {
		if home {
			e.used = now
		}
		// Unlike everywhere else the kernel does not ask here whether the server
		// is overloaded, only for its weight.
		if i := int(e.value); servers[i].Weight > 0 && !crowded(servers, i) {
			return i, true
		}
	}
	i, ok := weightedLeastConnection{}.Pick(flow, now, servers, pos)
	if ok && home {
		if e == nil {
			e = l.cache.insert(flow.Dst, now)
		}
		if e != nil {
			e.value = int32(i)
		}
	}
	return i, ok
}

// Changed keeps the cache: what it points to moved down the list.
func (l *localityLeastConnection) Changed(_ Servers, added int, pos *Position) {
	l.home = pos
	for i := range l.cache.entries {
		l.cache.entries[i].value += int32(added)
	}
}

// crowded reports whether the server with index i has more active connections
// than its weight while another has fewer than half of its own.
func crowded(servers Servers, i int) bool {
	if servers[i].Load.Active.Load() <= int64(servers[i].Weight) {
		return false
	}
	for j := range servers {
		if servers[j].Load.Active.Load()*2 < int64(servers[j].Weight) {
			return true
		}
	}
	return false
}
