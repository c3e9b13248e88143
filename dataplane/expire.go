package dataplane

import (
	"director/conntrack"
)

const (
	// sweepPeriod is the minimum time in nanoseconds between the beginnings of two
	// rounds over the worker's share of the table. A connection expires within a
	// second of its deadline, because the sum of sweepPeriod, maxSleep, a tick of the
	// clock and the duration of a round is less.
	sweepPeriod = 300_000_000
	// sweepBudget bounds the work of Sweep in one step, in the unit of Sweep.
	// maxExpiries bounds the connections that one step expires. So packets do not
	// wait long.
	sweepBudget = 1024
	maxExpiries = 64
	// soonest is the shortest possible time-out, which is one second.
	soonest = 1_000_000_000
)

// sweep expires connections in the worker's share of the table, and fragments.
type sweep struct {
	*step
	reassembly *reassembly
	sweeper    *conntrack.Sweeper
	tick       int64 // time of the previous step
	began      int64 // time at which the round began
	sweeping   bool  // whether a round is in progress
	dead       [maxExpiries]conntrack.Conn
}

// advance continues the round over the worker's share of the table, or begins a round
// when it is due.
func (s *sweep) advance() {
	if s.now != s.tick {
		s.tick = s.now
		s.reassembly.expire()
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

// settle removes the first n connections of s.dead from the counts of their servers.
func (s *sweep) settle(n int) {
	for i := range n {
		s.step.settle(&s.dead[i])
	}
	s.add(expiredCount, uint64(n))
}

// ExpireAll expires all connections of the worker's share whose deadline has passed,
// and drops the frames that waited too long for a neighbour. It is for simulated
// clocks: the caller calls it after it has moved the clock and before Step. Run does
// not call it, because each step expires some connections.
func (w *Worker) ExpireAll() {
	w.batch.refresh()
	w.batch.now = w.batch.engine.clock()
	s := &w.sweep
	for n := maxExpiries; n == maxExpiries; {
		n = s.sweeper.Due(s.now, soonest, s.dead[:])
		s.settle(n)
	}
	w.out.retryPending()
	w.reassembly.expire()
	w.batch.counters.publish()
}
