package sched

import "director/packet"

// roundRobin takes the next usable server of the list, whatever its weight
// (ip_vs_rr.c). Servers added as 1, 2, 3 serve as 3, 2, 1, 3, 2, 1.
type roundRobin struct{ stateless }

func (roundRobin) Pick(_ *packet.Flow, _ int64, servers Servers, pos *Position) (int, bool) {
	n := int32(len(servers))
	for tried := range n {
		i := pos.next + tried
		if i >= n {
			i -= n
		}
		if servers[i].usable() {
			pos.next = i + 1
			return int(i), true
		}
	}
	return 0, false
}

// Bind begins at the head of the list.
func (roundRobin) Bind(_ Servers, pos *Position) { pos.next = 0 }

// Added keeps the place in the list, except at its head: who begins there
// begins with the newcomer.
func (roundRobin) Added(_ Servers, pos *Position) {
	if pos.next != 0 {
		pos.next++
	}
}

// Removed keeps the place in the list. The one who served last leaves it to the
// server before it.
func (roundRobin) Removed(_ Servers, at int, pos *Position) {
	if at < int(pos.next) {
		pos.next--
	}
}
