package sched

import "director/packet"

// leastConnection takes the usable server with the least cost of connections
// (ip_vs_lc.c). Active ones cost far more than others. If several servers have the
// same cost, the first of the list serves.
type leastConnection struct{ stateless }

func (l leastConnection) Pick(_ *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	best := least{index: -1}
	for i := range servers {
		if s := &servers[i]; s.usable() {
			best.offer(i, l.cost(s), 1)
		}
	}
	return best.index, best.index >= 0
}

// cost is the number that is compared. The weight does not matter.
func (leastConnection) cost(s *Server) int64 { return s.Load.overhead() }
