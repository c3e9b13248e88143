package sched

import "director/packet"

// weightedRoundRobin walks through the list in rounds (ip_vs_wrr.c). In each round the
// servers whose weight is at least cw serve. From round to round cw decreases by the
// greatest common divisor of the weights; after the last round it starts again at the
// largest weight. So servers with a large weight serve in more rounds.
type weightedRoundRobin struct{}

func (w weightedRoundRobin) Pick(_ *packet.Flow, _ int64, servers Servers, pos *Position) (int, bool) {
	if pos.first == 0 {
		return 0, false
	}
	if i, ok := w.walk(servers, pos); ok {
		return i, true
	}
	heaviest := int64(0)
	for i := range servers {
		if servers[i].usable() {
			heaviest = max(heaviest, int64(servers[i].Weight))
		}
	}
	last := pos.cw <= pos.step
	if heaviest == 0 {
		// No round found a server. The kernel stops where it began if that is in the
		// last round, and otherwise at the end of the last round.
		if pos.next == 0 || !last {
			pos.next, pos.cw = 0, pos.first
		}
		return 0, false
	}
	if pos.cw -= pos.step; last {
		pos.cw = pos.first
	}
	// Rounds in which all servers with enough weight are overloaded can be skipped. In
	// the first other round cw is at most the weight and, as in all rounds, 1 more than
	// a multiple of the step.
	pos.next, pos.cw = 0, min(pos.cw, heaviest-pos.step+1)
	return w.walk(servers, pos)
}

// walk searches for a server from the position to the end of the list.
func (weightedRoundRobin) walk(servers Servers, pos *Position) (int, bool) {
	for i := int(pos.next); i < len(servers); i++ {
		if s := &servers[i]; int64(s.Weight) >= pos.cw && s.usable() {
			pos.next = int32(i + 1)
			return i, true
		}
	}
	return 0, false
}

// Bind begins with the round of the largest weight.
func (w weightedRoundRobin) Bind(servers Servers, pos *Position) {
	pos.cw = 0
	w.restart(servers, pos)
}

func (w weightedRoundRobin) Added(servers Servers, pos *Position)          { w.restart(servers, pos) }
func (w weightedRoundRobin) Removed(servers Servers, _ int, pos *Position) { w.restart(servers, pos) }
func (w weightedRoundRobin) Edited(servers Servers, _ int, pos *Position)  { w.restart(servers, pos) }

// restart begins again at the head of the list. The kernel keeps cw if possible, so a
// service whose first server has weight 1 begins with a round at 1.
func (weightedRoundRobin) restart(servers Servers, pos *Position) {
	var gcd, heaviest int64
	for i := range servers {
		gcd, heaviest = divisor(gcd, int64(servers[i].Weight)), max(heaviest, int64(servers[i].Weight))
	}
	pos.next, pos.step = 0, max(1, gcd)
	// The largest weight, reduced so that cw is 1 in the last round.
	pos.first = max(0, heaviest-(pos.step-1))
	switch {
	case pos.cw > pos.first || pos.cw == 0:
		pos.cw = pos.first
	case pos.step > 1:
		pos.cw = pos.cw/pos.step*pos.step + 1
	}
}

// divisor returns the greatest common divisor of a and b. If one of them is 0, it is
// the other one.
func divisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
