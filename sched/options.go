package sched

import "sync/atomic"

// Options of a scheduler. Most schedulers need none.
type Options struct {
	Flags    Flags
	Seed     uint64    // what a scheduler draws at random follows from it
	Tunables *Tunables // nil: the defaults
}

// Tunables change how schedulers work while they do. All services share one.
type Tunables struct {
	// How long lblc and lblcr remember an idle destination, and how long lblcr
	// leaves a set of servers as it is, in nanoseconds (the kernel's sysctls
	// lblc_expiration and lblcr_expiration).
	LBLCExpiry, LBLCRExpiry atomic.Int64
}

// NewTunables returns the defaults: a day each.
func NewTunables() *Tunables {
	t := new(Tunables)
	t.LBLCExpiry.Store(86400 * second)
	t.LBLCRExpiry.Store(86400 * second)
	return t
}
