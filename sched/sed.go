package sched

import "director/packet"

// shortestDelay takes the usable server on which a new connection would wait
// least: the fewest active connections, this one included, for its weight
// (ip_vs_sed.c). Of equals the first in the list serves. UDP has no active
// connections, so all of it goes to the heaviest server.
type shortestDelay struct{ stateless }

func (d shortestDelay) Pick(_ *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	best, least := -1, int64(0)
	for i := range servers {
		s := &servers[i]
		if !s.usable() {
			continue
		}
		load := d.cost(s)
		if best < 0 || least*int64(s.Weight) > load*int64(servers[best].Weight) {
			best, least = i, load
		}
	}
	return best, best >= 0
}

// cost is what is compared, for the server's weight.
func (shortestDelay) cost(s *Server) int64 { return s.Load.Active.Load() + 1 }
