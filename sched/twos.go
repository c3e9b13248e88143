package sched

import (
	"math/rand/v2"

	"director/packet"
)

// twoRandom draws two usable servers, heavy ones more often, and takes the one
// with fewer connections for its weight (ip_vs_twos.c): Mitzenmacher's power of
// two choices. The drawing is part of the position: who asks from a copy of it
// learns what the next connection will draw.
type twoRandom struct {
	stateless
	seed uint64
}

func (t twoRandom) Pick(_ *packet.Flow, _ int64, servers Servers, pos *Position) (int, bool) {
	total := weight(servers)
	if total == 0 {
		return 0, false
	}
	one, two := t.pair(servers, rand.New(&pos.random), total)
	if one < 0 || two < 0 {
		return 0, false // all were overloaded in the meantime
	}
	a, b := &servers[one], &servers[two]
	if int64(b.Weight)*a.Load.overhead() > int64(a.Weight)*b.Load.overhead() {
		return two, true
	}
	return one, true
}

// weight is what the usable servers weigh together.
func weight(servers Servers) (total int64) {
	for i := range servers {
		if servers[i].usable() {
			total += int64(servers[i].Weight)
		}
	}
	return total
}

// pair draws two servers, who may be the same one.
func (twoRandom) pair(servers Servers, r *rand.Rand, total int64) (one, two int) {
	one = drawn(servers, r.Int64N(total+1)) // from 0 to the total, both included
	two = drawn(servers, r.Int64N(total+1))
	return one, two
}

// drawn returns the usable server at which the weights so far add up to r, the
// last one when they do not because some just became overloaded, or -1.
func drawn(servers Servers, r int64) int {
	at := -1
	for i := range servers {
		if !servers[i].usable() {
			continue
		}
		at = i
		if r -= int64(servers[i].Weight); r <= 0 {
			break
		}
	}
	return at
}

// Bind begins the sequence of random numbers.
func (t twoRandom) Bind(_ Servers, pos *Position) { pos.random.Seed(t.seed, 1) }
