package sched

import "director/packet"

// leastConnection takes the usable server with the fewest connections, active
// ones counting far more (ip_vs_lc.c). Of equals the first in the list serves.
type leastConnection struct{ stateless }

func (l leastConnection) Pick(_ *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	best, least := -1, int64(0)
	for i := range servers {
		if !servers[i].usable() {
			continue
		}
		if load := l.cost(&servers[i]); best < 0 || load < least {
			best, least = i, load
		}
	}
	return best, best >= 0
}

// cost is what is compared, whatever the weight.
func (leastConnection) cost(s *Server) int64 { return s.Load.overhead() }
