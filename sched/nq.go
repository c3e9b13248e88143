package sched

import "director/packet"

// neverQueue takes the first usable server without an active connection, so that no
// client waits while a server is idle. If there is none, it chooses like shortestDelay
// (ip_vs_nq.c).
type neverQueue struct{ shortestDelay }

func (n neverQueue) Pick(flow *packet.Flow, now int64, servers Servers, pos *Position) (int, bool) {
	for i := range servers {
		if servers[i].usable() && servers[i].Load.Active.Load() == 0 {
			return i, true
		}
	}
	return n.shortestDelay.Pick(flow, now, servers, pos)
}
