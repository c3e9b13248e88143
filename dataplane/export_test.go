package dataplane

// Remembered returns of how many connections a helper remembers something.
func Remembered(s *Engine) int {
	s.helpers.mu.RLock()
	defer s.helpers.mu.RUnlock()
	return len(s.helpers.controls)
}

// MaxExpiries is the most connections that a step ends, MaxSleep the longest
// that a worker sleeps, PendingSleep while frames are pending.
const (
	MaxExpiries  = maxExpiries
	MaxSleep     = maxSleep
	PendingSleep = pendingSleep
)

// Sweeping reports whether the worker is about to end more connections.
func (w *Worker) Sweeping() bool { return w.sweep.sweeping }

// FullCounts returns what a worker publishes that has counted something different in
// every place, and how many places there are.
func FullCounts() (Counts, int) {
	var c counters
	for place := range countersLen {
		c.add(place, uint64(1000+place))
	}
	c.publish()
	return c.snapshot(), countersLen
}
