package sched

import (
	"math/rand/v2"

	"director/packet"
)

// twoRandom draws two usable servers at random, those with larger weights more often, and
// takes the one whose connections cost less for its weight (ip_vs_twos.c). This is
// Mitzenmacher's power of two choices. The random generator is part of the position, so a
// pick from a copy of the position shows what the next connection will draw.
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
		return 0, false // meanwhile all became overloaded
	}
	a, b := &servers[one], &servers[two]
	if int64(b.Weight)*a.Load.overhead() > int64(a.Weight)*b.Load.overhead() {
		return two, true
	}
	return one, true
}

// weight returns the sum of the weights of the usable servers.
func weight(servers Servers) (total int64) {
	for i := range servers {
		if servers[i].usable() {
			total += int64(servers[i].Weight)
		}
	}
	return total
}

// pair draws two servers. They may be the same one.
func (twoRandom) pair(servers Servers, r *rand.Rand, total int64) (one, two int) {
	one = drawn(servers, r.Int64N(total+1)) // from 0 to the total, both included
	two = drawn(servers, r.Int64N(total+1))
	return one, two
}

// drawn returns the usable server at which the sum of the weights reaches r. If the sum
// does not reach r, because a server has just become overloaded, it returns the last
// usable one, or -1 if there is none.
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

// Bind sets the seed of the random numbers.
func (t twoRandom) Bind(_ Servers, pos *Position) { pos.random.Seed(t.seed, 1) }
