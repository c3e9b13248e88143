package sched

import "director/packet"

// weightedRoundRobin walks the list in rounds (ip_vs_wrr.c). In each round the
// servers serve whose weight is at least cw; from round to round cw falls by
// the greatest common divisor of the weights, and begins again at the largest
// weight. Heavy servers therefore serve in more rounds, and in between light
// ones.
type weightedRoundRobin struct{}

// weights returns the greatest common divisor of the weights other than 0, and
// the largest; 1 and 0 when there are none.
func weights(servers Servers) (gcd, heaviest int64) {
	for i := range servers {
		if w := int64(servers[i].Weight); w > 0 {
			heaviest = max(heaviest, w)
			for a := w; a != 0; {
				gcd, a = a, gcd%a
			}
		}
	}
	return max(1, gcd), heaviest
}

func (weightedRoundRobin) Pick(_ *packet.Flow, _ int64, servers Servers, pos *Position) (int, bool) {
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

// Changed begins a new round with each server. The kernel keeps cw where it may,
// so a service whose first server weighs 1 begins with a round at 1.
func (weightedRoundRobin) Changed(servers Servers, added int, pos *Position) {
	for newest := added - 1; newest >= 0; newest-- {
		pos.next = 0
		gcd, heaviest := weights(servers[newest:])
		// The largest weight, lowered so that the last round's is 1.
		pos.step, pos.first = gcd, max(0, heaviest-(gcd-1))
		switch {
		case pos.cw > pos.first || pos.cw == 0:
			pos.cw = pos.first
		case pos.step > 1:
			pos.cw = pos.cw/pos.step*pos.step + 1
		}
	}
}
