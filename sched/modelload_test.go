package sched_test

import (
	"math"
	"math/rand/v2"

	"director/packet"
)

// loadModel is all schedulers that look for the least of something.
type loadModel struct {
	unmoved
	name string
	head *dest
}

func (m *loadModel) pick(*packet.Flow, int64) *dest {
	switch m.name {
	case "lc":
		return m.head.least((*dest).overhead)
	case "sed":
		return m.head.least((*dest).delay)
	case "nq":
		for _, d := range m.head.all() {
			if d.usable() && d.active == 0 {
				return d
			}
		}
		return m.head.least((*dest).delay)
	case "fo":
		return m.head.least(func(d *dest) float64 { return -float64(d.weight) })
	case "ovf":
		return m.head.least(func(d *dest) float64 {
			if d.active > d.weight {
				return math.Inf(1)
			}
			return -float64(d.weight)
		})
	}
	return m.head.least((*dest).relative)
}

// relative and delay are costs: a scheduler chooses the server with the lowest. Their
// integers are so small that a float64 represents equal quotients as equal, and different
// ones as different.
func (d *dest) relative() float64 { return d.overhead() / float64(d.weight) }
func (d *dest) delay() float64    { return float64(d.active+1) / float64(d.weight) }

// least returns the usable server with the lowest cost, and the first of equals. It ignores
// infinite costs.
func (head *dest) least(cost func(*dest) float64) (best *dest) {
	for _, d := range head.all() {
		if d.usable() && !math.IsInf(cost(d), 1) && (best == nil || cost(d) < cost(best)) {
			best = d
		}
	}
	return best
}

// twosModel draws two numbers up to the sum of the weights, walks the weights
// for each, and compares the servers there.
type twosModel struct {
	unmoved
	head   *dest
	random *rand.Rand
}

func (m *twosModel) pick(*packet.Flow, int64) *dest {
	var sum int64
	for _, d := range m.head.all() {
		if d.usable() {
			sum += d.weight
		}
	}
	if sum == 0 {
		return nil
	}
	one, two := m.at(m.random.Int64N(sum+1)), m.at(m.random.Int64N(sum+1))
	if two.relative() < one.relative() {
		return two
	}
	return one
}

func (m *twosModel) at(r int64) *dest {
	for _, d := range m.head.all() {
		if !d.usable() {
			continue
		}
		if r -= d.weight; r <= 0 {
			return d
		}
	}
	return nil
}
