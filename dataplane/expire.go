package dataplane

import "director/conntrack"

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
	last    int64 // when the last slice was taken
	dead    [maxExpiries]conntrack.Conn
}

// expire ends connections whose time is up. Each step takes a slice of the
// worker's share of the table in proportion to the time that has passed; an
// idle worker catches up with whatever a busy one had to leave.
func (w *Worker) expire(idle bool) {
	s := &w.sweep
	elapsed := min(w.now-s.last, sweepPeriod)
	budget := int(int64(s.sweeper.Share()) * elapsed / sweepPeriod)
	if budget == 0 {
		return
	}
	s.last = w.now
	if !idle {
		ended, _ := s.sweeper.Sweep(w.now, min(budget, sweepBusy), s.dead[:])
		w.bury(ended)
		return
	}
	for budget > 0 {
		ended, looked := s.sweeper.Sweep(w.now, budget, s.dead[:])
		w.bury(ended)
		budget -= looked
	}
}

// bury settles the counts of the first n dead connections.
func (w *Worker) bury(n int) {
	for i := range n {
		c := &w.sweep.dead[i]
		w.server(c).Release(c.State().Active())
	}
	w.counters.now[expiredCount] += uint64(n)
}
