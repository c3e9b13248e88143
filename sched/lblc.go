package sched

import (
	"sync/atomic"

	"director/packet"
)

// localityLeastConnection sends everything for one destination address to one
// server, as long as that is not crowded (ip_vs_lblc.c): for caches that stand
// behind a firewall mark or many addresses. A destination that is new, or whose
// server is crowded or has weight 0, goes where wlc says.
//
// The cache changes only with time, and in a pick with the position that Bind
// was given. Who picks from a copy of it, to ask, reads the cache as it is.
type localityLeastConnection struct {
	places
	expiry *atomic.Int64 // nanoseconds
	home   *Position
	cache  cache[*Load]
}

func (l *localityLeastConnection) Pick(flow *packet.Flow, now int64, servers Servers, pos *Position) (int, bool) {
	home := pos == l.home
	l.cache.collect(now, l.expiry.Load())
	e := l.cache.find(flow.Dst)
	if e != nil {
		if home {
			e.used = now
		}
		// Unlike everywhere else the kernel does not ask here whether the server
		// is overloaded, only for its weight.
		if i, ok := e.value.find(servers); ok && servers[i].Weight > 0 && !crowded(servers, i) {
			return i, true
		}
	}
	i, ok := weightedLeastConnection{}.Pick(flow, now, servers, pos)
	if ok && home {
		if e == nil {
			e = l.cache.insert(flow.Dst, now)
		}
		if e != nil {
			e.value = servers[i].Load
		}
	}
	return i, ok
}

func (l *localityLeastConnection) Bind(servers Servers, pos *Position) {
	l.home = pos
	l.places.bind(servers)
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
