package memport

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Clock is a clock that stands still until it is told to move.
type Clock struct{ ns atomic.Int64 }

// Now returns nanoseconds since the clock was made.
func (c *Clock) Now() int64 { return c.ns.Load() }

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) { c.ns.Add(int64(d)) }

// Waiter is a dataplane.Waiter without descriptors: it returns after Wake or
// after the time it was given.
type Waiter struct{ wake chan struct{} }

// NewWaiter returns a waiter that nobody has woken yet.
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
