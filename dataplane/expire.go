package dataplane

import (
	"director/conntrack"
)

const (
	// sweepPeriod is the least time between the beginnings of two rounds over
	// the worker's share of the table, in nanoseconds. A connection ends within
	// a second of its time: this, maxSleep, a tick of the clock and the round
	// itself are less.
	sweepPeriod = 300_000_000
	// sweepBudget bounds what a step looks at, in what Sweep counts, and
	// maxExpiries the connections that it ends: packets come in between.
	sweepBudget = 1024
	maxExpiries = 64
	// soonest is the shortest time-out: nobody can set one below a second.
	soonest = 1_000_000_000
)

// sweep ends the connections whose time is up, in the worker's share of the table,
// and the fragments that waited too long.
type sweep struct {
	*step
	whole    *reassembly
	sweeper  *conntrack.Sweeper
	tick     int64 // of the step before
	began    int64 // when the round did
	sweeping bool  // it is not done yet
	dead     [maxExpiries]conntrack.Conn
}

// advance goes on with the round over the worker's share of the table, or begins one
// when it is time.
func (s *sweep) advance() {
	if s.now != s.tick {
		s.tick = s.now
		s.whole.expire()
		if !s.sweeping && s.now-s.began >= sweepPeriod {
			s.began, s.sweeping = s.now, true
		}
	}
	if !s.sweeping {
		return
	}
	ended, done := s.sweeper.Sweep(s.now, sweepBudget, s.dead[:])
	s.settle(ended)
	s.sweeping = !done
}

// settle takes the first n connections of s.dead off the counts of their servers.
func (s *sweep) settle(n int) {
	for i := range n {
		s.engine.Settle(&s.dead[i])
	}
	s.add(expiredCount, uint64(n))
}

// ExpireAll ends, at the clock's present moment, every connection of the worker's
// share whose time is up, and drops the frames that waited too long for a neighbour.
// It is for a clock that is not real: whoever moves the clock calls it before Step.
// Run does not call it; each step there ends some of the connections.
func (w *Worker) ExpireAll() {
	w.step.refresh()
	w.step.now = w.step.engine.clock()
	s := &w.sweep
	for n := maxExpiries; n == maxExpiries; {
		n = s.sweeper.Due(s.now, soonest, s.dead[:])
		s.settle(n)
	}
	w.out.retryPending()
	w.whole.expire()
	w.step.counters.publish()
}
