package sched

import "director/packet"

// weightedRoundRobin walks the list in rounds (ip_vs_wrr.c). In each round the
// servers serve whose weight is at least cw; from round to round cw falls by
// the greatest common divisor of the weights, and begins again at the largest
// weight. Heavy servers therefore serve in more rounds, and in between light
// ones.
type weightedRoundRobin struct{}

// weights returns the step between rounds and the weight of the first round:
// the largest weight, lowered so that the last round's is 1.
func weights(servers Servers) (step, first int64) {
	var gcd, heaviest int64
	for i := range servers {
		if w := int64(servers[i].Weight); w > 0 {
			heaviest = max(heaviest, w)
			for a := w; a != 0; {
				gcd, a = a, gcd%a
			}
		}
	}
	if gcd == 0 {
		return 1, 0
	}
	return gcd, heaviest - (gcd - 1)
}

func (weightedRoundRobin) Pick(_ *packet.Flow, servers Servers, pos *Position) (int, bool) {
	if pos.first == 0 {
		return 0, false
	}
	// The heaviest server serves in every round, so this ends.
	for {
		for i := pos.next; i < int32(len(servers)); i++ {
			if int64(servers[i].Weight) >= pos.cw {
				pos.next = i + 1
				return int(i), true
			}
		}
		pos.next = 0
		if pos.cw -= pos.step; pos.cw <= 0 {
			pos.cw = pos.first
		}
	}
}

// Changed begins a new round. The kernel keeps cw where it may, so a service
// whose first server weighs 1 begins with a round at 1.
func (weightedRoundRobin) Changed(servers Servers, pos *Position) {
	pos.step, pos.first = weights(servers)
	pos.next = 0
	switch {
	case pos.cw > pos.first || pos.cw == 0:
		pos.cw = pos.first
	case pos.step > 1:
		pos.cw = pos.cw/pos.step*pos.step + 1
	}
}
