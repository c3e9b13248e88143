package dataplane

import (
	"director/conntrack"
	"director/packet"
)

const (
	// sweepPeriod is how long one round over the table takes, in nanoseconds.
	// A connection ends at most that long after its time.
	sweepPeriod = 1_000_000_000
	// sweepBusy bounds the entries that a step looks at between batches.
	sweepBusy = 1024
	// soonest is the shortest time-out: nobody can set one below a second.
	soonest = 1_000_000_000
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
		w.expireFragments()
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
	w.refresh()
	w.now = w.shared.Clock()
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
	w.add(dropCount+int(packet.Fragment), uint64(w.shared.Fragments.Expire(w.now)))
}
