package dataplane

import (
	"slices"

	"director/conntrack"
)

const (
	// sweepPeriod is how long one round over the table takes, in nanoseconds.
	// A connection ends at most that long after its time.
	sweepPeriod = 1_000_000_000
	// sweepBusy bounds the entries that a step looks at between batches.
	sweepBusy = 1024
	// maxExpiries bounds the connections that end in one call.
	maxExpiries = 64
)

// sweep is the worker's share of ending connections.
type sweep struct {
	sweeper *conntrack.Sweeper
	last    int64 // when due was brought up to date
	due     int64 // entries still to look at, times sweepPeriod
	dead    [maxExpiries]conntrack.Conn
}

// expire ends connections whose time is up. The entries that are due to be
// looked at grow with the time that passes, up to the worker's share of the
// table each sweepPeriod. A busy worker takes a slice of them between batches
// and an idle one all.
func (w *Worker) expire(idle bool) {
	s := &w.sweep
	if w.now != s.last {
		share := int64(s.sweeper.Share())
		s.due = min(s.due+share*min(w.now-s.last, sweepPeriod), share*sweepPeriod)
		s.last = w.now
	}
	budget := int(s.due / sweepPeriod)
	if !idle {
		budget = min(budget, sweepBusy)
	}
	for budget > 0 {
		ended, looked := s.sweeper.Sweep(w.now, budget, s.dead[:])
		w.bury(ended)
		s.due -= int64(looked) * sweepPeriod
		if budget -= looked; !idle {
			return
		}
	}
}

// ExpireAll ends, at the clock's present moment, every connection of the
// worker's share whose time is up, and drops the frames that waited too long
// for a neighbour. It is for a clock that is not real: whoever moves it calls
// this before the step. Run does not, it takes its share by and by.
func (w *Worker) ExpireAll() {
	w.view = w.shared.View.Load()
	w.now = w.shared.Clock()
	soonest := slices.Min(w.view.Timeouts[:])
	for n := maxExpiries; n == maxExpiries; {
		n = w.sweep.sweeper.Due(w.now, soonest, w.sweep.dead[:])
		w.bury(n)
	}
	w.retryHeld()
	w.publish()
}

// bury settles the counts of the first n dead connections.
func (w *Worker) bury(n int) {
	for i := range n {
		c := &w.sweep.dead[i]
		w.server(c).Release(c.State().Active())
	}
	w.counters.now[expiredCount] += uint64(n)
}
