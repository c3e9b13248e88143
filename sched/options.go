package sched

import "sync/atomic"

// Options configures a scheduler. Most schedulers need none of them.
type Options struct {
	Flags    Flags
	Seed     uint64    // of a scheduler's random numbers
	Tunables *Tunables // nil: the defaults
}

// Tunables are settings that can change while schedulers work. All services share them.
type Tunables struct {
	// The times in nanoseconds for which lblc and lblcr remember an idle destination.
	// After the same time without a change lblcr shrinks a set of servers. They are the
	// kernel's sysctls lblc_expiration and lblcr_expiration.
	LBLCExpiry, LBLCRExpiry atomic.Int64
}

// NewTunables returns the defaults: one day each.
func NewTunables() *Tunables {
	t := new(Tunables)
	t.LBLCExpiry.Store(86400 * second)
	t.LBLCRExpiry.Store(86400 * second)
	return t
}
