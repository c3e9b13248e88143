package dataplane

import (
	"math/bits"

	"director/internal/ordered"
	"director/packet"
)

// MaxInterfaces is the most interfaces a director serves.
const MaxInterfaces = packet.MaxInterfaces

// Counts are the counts of one worker. A received frame is counted in exactly one of
// Tx, Host, Drops and Handoff. A frame that waits for its neighbour's address, or for
// the other fragments of its datagram, is in none of them yet. A frame that was
// handed to another worker is also in that worker's Tx or Drops. Frames that the
// director made are in Tx, too. These include the fragments of packets that it cut.
type Counts struct {
	Rx, Tx    [MaxInterfaces]uint64  // frames by interface
	Host      [packet.Reasons]uint64 // reinjected into the kernel, by reason
	Drops     [packet.Reasons]uint64 // by reason
	Handoff   uint64                 // handed to the worker that owns the queue
	Conns     uint64                 // connections made
	Untracked uint64                 // packets forwarded without an entry, while the table was full
	Expired   uint64                 // connections that expired
	Doubted   uint64                 // resets that did not end their connection (--tcp-strict)
	// Completed counts the partial checksums that were completed, and Wrong the packets
	// that arrived with a wrong transport checksum, as far as the worker verified them:
	// see checksum.go. Both are listed by interface.
	Completed, Wrong [MaxInterfaces]uint64
	// Batches counts the batches with at least one frame by size: 1 frame, 2, up to
	// 4, up to 8 and so on.
	Batches [BatchSizes]uint64
}

// BatchSizes is the number of size classes of batches: powers of two up to
// packet.BatchSize.
const BatchSizes = 7

// Indices of the counters in the worker's list.
const (
	rxCount        = 0
	txCount        = rxCount + MaxInterfaces
	hostCount      = txCount + MaxInterfaces
	dropCount      = hostCount + int(packet.Reasons)
	handoffCount   = dropCount + int(packet.Reasons)
	connCount      = handoffCount + 1
	untrackedCount = connCount + 1
	expiredCount   = untrackedCount + 1
	doubtedCount   = expiredCount + 1
	completedCount = doubtedCount + 1
	wrongCount     = completedCount + MaxInterfaces
	batchCount     = wrongCount + MaxInterfaces
	countersLen    = batchCount + BatchSizes
)

// counters belong to one worker, which adds to totals and publishes them once a step.
type counters struct {
	totals  [countersLen]uint64
	changed [(countersLen + 63) / 64]uint64 // a bit for each counter that is not published yet
	public  [countersLen]ordered.Uint64
}

// add adds n to the counter with the given index.
func (c *counters) add(place int, n uint64) {
	c.totals[place] += n
	c.changed[place/64] |= 1 << (place % 64)
}

// publish makes the changed counts visible to other goroutines.
func (c *counters) publish() {
	for i := range c.changed {
		for set := c.changed[i]; set != 0; set &= set - 1 {
			place := i*64 + bits.TrailingZeros64(set)
			c.public[place].Store(c.totals[place])
		}
		c.changed[i] = 0
	}
}

// snapshot returns the published counts.
func (c *counters) snapshot() Counts {
	var s Counts
	for i := range MaxInterfaces {
		s.Rx[i] = c.public[rxCount+i].Load()
		s.Tx[i] = c.public[txCount+i].Load()
		s.Completed[i] = c.public[completedCount+i].Load()
		s.Wrong[i] = c.public[wrongCount+i].Load()
	}
	for i := range packet.Reasons {
		s.Host[i] = c.public[hostCount+int(i)].Load()
		s.Drops[i] = c.public[dropCount+int(i)].Load()
	}
	s.Handoff = c.public[handoffCount].Load()
	s.Conns = c.public[connCount].Load()
	s.Untracked = c.public[untrackedCount].Load()
	s.Expired = c.public[expiredCount].Load()
	s.Doubted = c.public[doubtedCount].Load()
	for i := range s.Batches {
		s.Batches[i] = c.public[batchCount+i].Load()
	}
	return s
}
