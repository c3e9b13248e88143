package sched

import "director/packet"

// roundRobin takes the next usable server of the list, regardless of its weight
// (ip_vs_rr.c). Servers that were added as 1, 2, 3 serve as 3, 2, 1, 3, 2, 1.
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

// Bind sets the position to the head of the list.
func (roundRobin) Bind(_ Servers, pos *Position) { pos.next = 0 }

// Added keeps the position in the list, except at its head: there the new server is
// next.
func (roundRobin) Added(_ Servers, pos *Position) {
	if pos.next != 0 {
		pos.next++
	}
}

// Removed keeps the position in the list. If the removed server was the last one
// picked, the server before it takes its place.
func (roundRobin) Removed(_ Servers, at int, pos *Position) {
	if at < int(pos.next) {
		pos.next--
	}
}
