package dataplane

import (
	"director/conntrack"
	"director/packet"
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

// sweep is the worker's share of ending connections.
type sweep struct {
	sweeper  *conntrack.Sweeper
	tick     int64 // of the step before
	began    int64 // when the round did
	sweeping bool  // it is not done yet
	dead     [maxExpiries]conntrack.Conn
}

// expire goes on with the worker's round over its share of the table, or begins
// one when it is time, and ends connections whose time is up.
func (w *Worker) expire() {
	s := &w.sweep
	if w.now != s.tick {
		s.tick = w.now
		w.expireFragments()
		if !s.sweeping && w.now-s.began >= sweepPeriod {
			s.began, s.sweeping = w.now, true
		}
	}
	if !s.sweeping {
		return
	}
	ended, done := s.sweeper.Sweep(w.now, sweepBudget, s.dead[:])
	w.bury(ended)
	s.sweeping = !done
}

// ExpireAll ends, at the clock's present moment, every connection of the
// worker's share whose time is up, and drops the frames that waited too long
// for a neighbour. It is for a clock that is not real: whoever moves it calls
// this before the step. Run does not, it takes its share by and by.
func (w *Worker) ExpireAll() {
	w.refresh()
	w.now = w.shared.clock()
	for n := maxExpiries; n == maxExpiries; {
		n = w.sweep.sweeper.Due(w.now, soonest, w.sweep.dead[:])
		w.bury(n)
	}
	w.retryHeld()
	w.expireFragments()
	w.publish()
}

// bury settles the counts of the first n dead connections.
func (w *Worker) bury(n int) {
	for i := range n {
		w.shared.Settle(&w.sweep.dead[i])
	}
	w.add(expiredCount, uint64(n))
}

// expireFragments drops the parts of datagrams whose others did not come.
func (w *Worker) expireFragments() {
	w.add(dropCount+int(packet.Fragment), uint64(w.shared.fragments.Expire(w.now)))
}
