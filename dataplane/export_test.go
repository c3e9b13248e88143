package dataplane

// Remembered returns the number of connections for which a helper has state.
func Remembered(s *Engine) int {
	s.helpers.mu.RLock()
	defer s.helpers.mu.RUnlock()
	return len(s.helpers.controls)
}

// MaxExpiries is the maximum number of connections that a step expires. MaxSleep is
// the longest sleep of a worker, and PendingSleep the longest while frames are
// pending.
const (
	MaxExpiries  = maxExpiries
	MaxSleep     = maxSleep
	PendingSleep = pendingSleep
)

// Sweeping reports whether the worker has more connections to expire.
func (w *Worker) Sweeping() bool { return w.sweep.sweeping }

// FullCounts returns the counts of a worker whose counters all have different values,
// and the number of counters.
func FullCounts() (Counts, int) {
	var c counters
	for place := range countersLen {
		c.add(place, uint64(1000+place))
	}
	c.publish()
	return c.snapshot(), countersLen
}

// SentLately reports whether a packet that a worker sent at one time is remembered at
// another one. Both are in nanoseconds.
func SentLately(sent, now int64) bool {
	var s sentPackets
	const hash, length = 0x123456789abcdef0, 1400
	s.note(hash, length, sent)
	return s.has(hash, length, now)
}
