package sched

import "director/packet"

// roundRobin takes the next usable server of the list, whatever its weight
// (ip_vs_rr.c). Servers added as 1, 2, 3 serve as 3, 2, 1, 3, 2, 1.
type roundRobin struct{}

func (roundRobin) Pick(_ *packet.Flow, _ int64, servers Servers, pos *Position) (int, bool) {
	n := int32(len(servers))
	for tried := range n {
		i := pos.next + tried
		if i >= n {
			i -= n
		}
		if servers[i].usable() {
			pos.next = i + 1
			if pos.next == n {
				pos.next = 0
			}
			return int(i), true
		}
	}
	return 0, false
}

// Changed keeps the place in the list, which moved with it, except at the start
// of the list: who begins there begins with the newcomer.
func (roundRobin) Changed(_ Servers, added int, pos *Position) {
	if pos.next != 0 {
		pos.next += int32(added)
	}
}
