package dataplane

import "sync/atomic"

const second = 1_000_000_000 // nanoseconds

// defence is what the workers know of the measures against a full table.
type defence struct {
	secure  atomic.Bool  // secure_tcp's state machine is in force
	rate    atomic.Int64 // of new connections one in so many is dropped; 0: none
	counter atomic.Int64
	isFull  atomic.Bool // since the guard looked last
	crowded atomic.Bool // the table was full lately
}

// drops reports whether the packet of a new connection is to be dropped
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
