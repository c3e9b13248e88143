package sched

import "director/packet"

// neverQueue takes the first usable server that has no active connection, so
// that nobody queues while a server idles, and else follows the shortest
// expected delay (ip_vs_nq.c).
type neverQueue struct{ shortestDelay }

func (n neverQueue) Pick(flow *packet.Flow, now int64, servers Servers, pos *Position) (int, bool) {
	for i := range servers {
		if servers[i].usable() && servers[i].Load.Active.Load() == 0 {
			return i, true
		}
	}
	return n.shortestDelay.Pick(flow, now, servers, pos)
}
