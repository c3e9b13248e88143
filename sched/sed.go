package sched

import "director/packet"

// shortestDelay takes the usable server on which a new connection is expected to wait
// for the shortest time: the one with the fewest active connections, including the new
// one, for its weight (ip_vs_sed.c). If several servers are equal, the first of the
// list serves. UDP has no active connections, so all of it goes to the server with the
// largest weight.
type shortestDelay struct{ stateless }

func (d shortestDelay) Pick(_ *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	best := least{index: -1}
	for i := range servers {
		if s := &servers[i]; s.usable() {
			best.offer(i, d.cost(s), s.Weight)
		}
	}
	return best.index, best.index >= 0
}

// cost is the number that is compared, before the division by the weight.
func (shortestDelay) cost(s *Server) int64 { return s.Load.Active.Load() + 1 }
