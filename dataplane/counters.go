package dataplane

import (
	"math/bits"

	"director/internal/ordered"
	"director/packet"
)

// MaxInterfaces is the most interfaces a director serves.
const MaxInterfaces = packet.MaxInterfaces

// Counts is what one worker did. A frame that was received ends in exactly one
// of Tx, Host, Drops and Handoff; one that waits for its neighbour's address, or
// for the other fragments of its datagram, is in none of them yet. A frame
// handed to another worker is in that worker's Tx or Drops once more. Frames of
// our own making, fragments of what we cut included, are in Tx too.
type Counts struct {
	Rx, Tx  [MaxInterfaces]uint64  // frames by interface
	Host    [packet.Reasons]uint64 // given back to the kernel, by reason
	Drops   [packet.Reasons]uint64 // by reason
	Handoff uint64                 // given to the worker that owns the queue
	Conns   uint64                 // connections made
	Unnoted uint64                 // packets forwarded without one, while the table was full
	Expired uint64                 // connections ended by their time-out
	// Batches are those that held a frame, by size: of 1 frame, of 2, of up to 4,
	// to 8 and so on.
	Batches [BatchSizes]uint64
}

// BatchSizes is how many sizes of batches are told apart: powers of two up to
// packet.BatchSize.
const BatchSizes = 7

// Places of the counters in the worker's list.
const (
	rxCount      = 0
	txCount      = rxCount + MaxInterfaces
	hostCount    = txCount + MaxInterfaces
	dropCount    = hostCount + int(packet.Reasons)
	handoffCount = dropCount + int(packet.Reasons)
	connCount    = handoffCount + 1
	unnotedCount = connCount + 1
	expiredCount = unnotedCount + 1
	batchCount   = expiredCount + 1
	countersLen  = batchCount + BatchSizes
)

// counters belong to one worker, which adds to totals and publishes them once a step.
type counters struct {
	totals  [countersLen]uint64
	changed [(countersLen + 63) / 64]uint64 // a bit for each that is not public yet
	public  [countersLen]ordered.Uint64
}

// add counts n more of the given place.
func (c *counters) add(place int, n uint64) {
	c.totals[place] += n
	c.changed[place/64] |= 1 << (place % 64)
}

// publish makes the counts visible to other goroutines, those that changed.
func (c *counters) publish() {
	for i := range c.changed {
		for set := c.changed[i]; set != 0; set &= set - 1 {
			place := i*64 + bits.TrailingZeros64(set)
			c.public[place].Store(c.totals[place])
		}
		c.changed[i] = 0
	}
}

// snapshot reads what was published.
func (c *counters) snapshot() Counts {
	var s Counts
	for i := range MaxInterfaces {
		s.Rx[i] = c.public[rxCount+i].Load()
		s.Tx[i] = c.public[txCount+i].Load()
	}
	for i := range packet.Reasons {
		s.Host[i] = c.public[hostCount+int(i)].Load()
		s.Drops[i] = c.public[dropCount+int(i)].Load()
	}
	s.Handoff = c.public[handoffCount].Load()
	s.Conns = c.public[connCount].Load()
	s.Unnoted = c.public[unnotedCount].Load()
	s.Expired = c.public[expiredCount].Load()
	for i := range s.Batches {
		s.Batches[i] = c.public[batchCount+i].Load()
	}
	return s
}
