package load

import (
	"math"
	"math/rand/v2"
	"time"
)

// pacer says when the connections of one thread begin, as times since the
// start of the plan.
type pacer struct {
	rate        float64 // of all threads of all clients
	lane, lanes int64   // of those this one, counting from 0
	end         time.Duration

	n       int64 // connections that it has told of
	poisson *rand.Rand
	at      float64 // seconds, of the last one drawn
}

// newPacer makes the pacer of thread i of the plan's Threads.
func newPacer(p Plan, i int) pacer {
	t := pacer{
		rate:  p.Rate,
		lane:  int64(p.Share.Index*p.Threads + i),
		lanes: int64(p.Share.Of * p.Threads),
		end:   p.Warmup + p.Duration,
	}
	if p.Poisson {
		t.poisson = rand.New(rand.NewPCG(p.Seed, uint64(t.lane)))
	}
	return t
}

// next returns when the next connection begins, and false when that is after
// the end.
func (t *pacer) next() (at time.Duration, ok bool) {
	var seconds float64
	if t.poisson != nil {
		// Poisson processes of a part of the rate each make up one of the whole.
		t.at += t.poisson.ExpFloat64() * float64(t.lanes) / t.rate
		seconds = t.at
	} else {
		seconds = float64(t.lane+t.n*t.lanes) / t.rate
	}
	t.n++
	ns := math.Round(seconds * 1e9)
	if ns >= float64(t.end) {
		return t.end, false
	}
	return time.Duration(ns), true
}
