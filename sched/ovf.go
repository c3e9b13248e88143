package sched

import "director/packet"

// overflow fills the usable server with the largest weight first, then the next one
// (ip_vs_ovf.c). A server is full when it has more active connections than its weight,
// so it takes one connection more than its weight. If several servers have the same
// weight, the first of the list serves. If all are full, none serves.
type overflow struct{ stateless }

func (overflow) Pick(_ *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	best := -1
	for i := range servers {
		s := &servers[i]
		if !s.usable() || s.Load.Active.Load() > int64(s.Weight) {
			continue
		}
		if best < 0 || s.Weight > servers[best].Weight {
			best = i
		}
	}
	return best, best >= 0
}
