package load

import (
	"math"
	"math/rand/v2"
	"time"
)

// pacer computes the start times of the connections of one thread, relative to the
// start of the plan.
type pacer struct {
	rate        float64 // connections per second of all threads of all clients
	lane, lanes int64   // this thread's number among all, from 0, and how many there are
	end         time.Duration

	n       int64 // connections returned so far
	poisson *rand.Rand
	at      float64 // seconds: the last random start time
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

// next returns the start time of the next connection, and false if that is after
// the end.
func (t *pacer) next() (at time.Duration, ok bool) {
	var seconds float64
	if t.poisson != nil {
		// The sum of Poisson processes, each with a part of the rate, is a Poisson
		// process of the whole rate.
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
