package sched

import (
	"sync/atomic"

	"director/packet"
)

// localityLeastConnection sends everything for one destination address to the same
// server, unless that is crowded (ip_vs_lblc.c). It is for caches behind a firewall mark
// or behind many addresses. If the destination is new, or its server is crowded or has
// weight 0, it chooses like wlc.
//
// The cache changes only with time, and in a pick with the position that was given to
// Bind. A pick with a copy of the position only reads the cache.
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
		// Unlike in other places, the kernel checks only the weight of the server here,
		// and not whether it is overloaded.
		if i, ok := e.value.find(servers); ok && servers[i].Weight > 0 && !servers[i].skipped() && !crowded(servers, i) {
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

// crowded reports whether the server with index i has more active connections than its
// weight, and another server has fewer than half of its weight. A server that packets
// cannot reach counts as one with weight 0.
func crowded(servers Servers, i int) bool {
	if servers[i].Load.Active.Load() <= int64(servers[i].Weight) {
		return false
	}
	for j := range servers {
		if servers[j].Load.Active.Load()*2 < int64(servers[j].Weight) && !servers[j].skipped() {
			return true
		}
	}
	return false
}
