package memport

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Clock is a clock that moves only by Advance.
type Clock struct{ ns atomic.Int64 }

// Now returns the time in nanoseconds, which is 0 for a new clock.
func (c *Clock) Now() int64 { return c.ns.Load() }

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) { c.ns.Add(int64(d)) }

// Waiter is a dataplane.Waiter without descriptors.
type Waiter struct{ wake chan struct{} }

// NewWaiter returns a Waiter without a pending Wake.
func NewWaiter() *Waiter { return &Waiter{make(chan struct{}, 1)} }

// Wait returns after Wake, or when nanoseconds have passed.
func (w *Waiter) Wait(nanoseconds int64) error {
	select {
	case <-w.wake:
	case <-time.After(time.Duration(nanoseconds)):
	}
	return nil
}

// Yield lets other goroutines run.
func (w *Waiter) Yield() { runtime.Gosched() }

// Wake ends the Wait in progress or the next one.
func (w *Waiter) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
