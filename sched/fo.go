package sched

import "director/packet"

// failover sends everything to the usable server with the largest weight (ip_vs_fo.c).
// If several servers have it, the first of the list serves.
type failover struct{ stateless }

func (failover) Pick(_ *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	best := -1
	for i := range servers {
		if servers[i].usable() && (best < 0 || servers[i].Weight > servers[best].Weight) {
			best = i
		}
	}
	return best, best >= 0
}
