package conntrack

import (
	"math"

	"director/packet"
)

// tolerance is the factor by which the sizes of two crowds may differ before they are
// treated differently.
const tolerance = 8

// margin is the factor by which a crowd must be larger than those of a service that gets
// the room of connections that look established. Two services that are flooded alike do
// not get each other's.
const margin = 2

// candidate is an entry that may be evicted. The best candidates are connections that are
// over. The next are of a large crowd, because a service must not take the room of one that
// is not flooded. Of such candidates, one of fewer packets is better, then an older one.
type candidate struct {
	rank  uint64 // lower is better: in a small crowd 1 | number of the order 8
	since uint64 // lower is better; see merit
	word  uint64 // of the state when it was found
	index uint32
}

const smallCrowd = 1 << 8 // in a rank

// order is the order of the crowds in which their entries are evicted, if nothing else
// tells them apart.
var order = [CrowdCount + 1]uint64{noCrowd: 0, begun: 1, begunAnswered: 1, templates: 1, few: 2, fewAnswered: 2, many: 3, claimed: 4, claimedFew: 5}

// before reports whether c is evicted before o.
func (c *candidate) before(o *candidate) bool {
	return c.rank < o.rank || c.rank == o.rank && c.since < o.since
}

// evictable reports whether a full table may evict the entry, if it is of the right crowd.
func (e *entry) evictable(word uint64) bool {
	return word&(liveBit|assuredBit) == liveBit && e.children() == 0
}

// candidate describes the entry at index, whose state word is word. The search remembers
// the largest crowd that it has met.
func (t *Table) candidate(s *search, e *entry, index uint32, word uint64) candidate {
	at := crowdOf(word)
	c := candidate{rank: order[at], word: word, index: index}
	// Entries of several packets are ordered by the time of their last packet, because the
	// busy ones are old. The others are ordered by their age.
	if c.since = e.order.Load(); at >= few {
		c.since = uint64(e.deadline.Load())
	}
	if at == noCrowd {
		return c
	}
	size := t.sizeOf(e.serverID(), at)
	s.largest = max(s.largest, size)
	if size*tolerance < max(s.largest, s.before) {
		c.rank |= smallCrowd
	}
	return c
}

// claimant is the new connection that needs the room of another.
type claimant struct {
	crowds  *Unassured // of its service, or nil
	largest int64      // the size of the largest of them
	nat     bool       // its service masquerades
	modest  bool       // it can do without an entry
	oldest  int64      // if it is modest, it does not get the room of what was made later
}

// A TCP connection or SCTP association without NAT is modest. All its packets can be
// forwarded without an entry, to the same server, while others would lose theirs. So it gets
// only the room of what has sent one packet, and that for youth: a younger client may be
// about to answer.
const youth = second

// claimantOf describes the connection with the record n.
func (t *Table) claimantOf(n *Record) (c claimant) {
	c.crowds, c.nat, c.oldest = t.crowds(n.Server), n.Method == 0, math.MaxInt64
	c.modest = !c.nat && (n.Proto == packet.ProtoTCP || n.Proto == packet.ProtoSCTP)
	if c.modest {
		c.oldest = n.Order - youth
	}
	if c.crowds != nil {
		for i := range c.crowds {
			c.largest = max(c.largest, c.crowds[i].Load())
		}
	}
	return c
}

// gets reports whether c may have the room of the entry at index: of its own service, or of
// a crowd that is not much smaller than each of its own.
//
// A connection that looks established is spared for longer, because it may be real. Only
// services of smaller crowds get its room, so a flood does not. The director would see
// the answer to a masqueraded connection, so there one without an answer is forged.
func (c *claimant) gets(t *Table, index uint32) bool {
	e := &t.entries[index]
	at := crowdOf(e.state.Load())
	if at == noCrowd {
		return true
	}
	if c.modest && (order[at] > order[begun] || int64(e.order.Load()) > c.oldest) && !at.isClaimed() {
		return false
	}
	size := t.sizeOf(e.serverID(), at)
	if at.isClaimed() && e.server.Load()&methodMask != 0 {
		return size >= c.largest*margin
	}
	return c.crowds == nil || t.crowds(e.serverID()) == c.crowds || size*tolerance >= c.largest
}

// getsClaimed reports whether c may have the room of any connection that looks established.
func (c *claimant) getsClaimed(s *search) bool {
	return c.nat || max(s.largest, s.before) >= c.largest*margin
}
