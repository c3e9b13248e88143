package sched

import "director/packet"

// weightedLeastConnection takes the usable server with the fewest connections
// for its weight (ip_vs_wlc.c), compared crosswise to stay in integers. Of
// equals the first in the list serves.
type weightedLeastConnection struct{ stateless }

func (w weightedLeastConnection) Pick(_ *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	best, least := -1, int64(0)
	for i := range servers {
		s := &servers[i]
		if !s.usable() {
			continue
		}
		load := w.cost(s)
		if best < 0 || least*int64(s.Weight) > load*int64(servers[best].Weight) {
			best, least = i, load
		}
	}
	return best, best >= 0
}

// cost is what is compared, for the server's weight.
func (weightedLeastConnection) cost(s *Server) int64 { return s.Load.overhead() }
