package dataplane

import "sync/atomic"

const second = 1_000_000_000 // nanoseconds

// defence contains the current measures against a full table, for the workers.
type defence struct {
	secure  atomic.Bool  // secure_tcp's state machine is in force
	rate    atomic.Int64 // one in rate new connections is dropped; 0: none
	counter atomic.Int64
	isFull  atomic.Bool // the table was full since the guard's last check
	crowded atomic.Bool // the table was full recently
}

// drops reports whether the packet of a new connection must be dropped
// (ip_vs_todrop).
func (d *defence) drops() bool {
	rate := d.rate.Load()
	if rate == 0 || d.counter.Add(-1) > 0 {
		return false
	}
	d.counter.Store(rate)
	return true
}

func (d *defence) crowd() {
	d.isFull.Store(true)
	d.crowded.Store(true)
}

// copyFrom makes d a copy of other, for a shadow.
func (d *defence) copyFrom(other *defence) {
	d.secure.Store(other.secure.Load())
	d.rate.Store(other.rate.Load())
	d.counter.Store(other.counter.Load())
	d.isFull.Store(other.isFull.Load())
	d.crowded.Store(other.crowded.Load())
}
