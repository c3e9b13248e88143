package sched

import "director/packet"

// weightedLeastConnection takes the usable server whose connections cost least for its
// weight (ip_vs_wlc.c). If several servers are equal, the first of the list serves.
type weightedLeastConnection struct{ stateless }

func (w weightedLeastConnection) Pick(_ *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	best := least{index: -1}
	for i := range servers {
		if s := &servers[i]; s.usable() {
			best.offer(i, w.cost(s), s.Weight)
		}
	}
	return best.index, best.index >= 0
}

// cost is the number that is compared, before the division by the weight.
func (weightedLeastConnection) cost(s *Server) int64 { return s.Load.overhead() }
