package sched

import "director/packet"

// overflow fills the usable server of the largest weight, then the next
// (ip_vs_ovf.c). A server is full when it has more active connections than
// weight, so it takes one more than its weight. Of equals the first in the list
// serves; when all are full, none does.
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
