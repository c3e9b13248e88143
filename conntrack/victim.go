package conntrack

import "sync/atomic"

// A connection is assured when something shows that its client exists, or that it is
// more than one forged packet. A template is assured when one of its connections is
// answered. A full table evicts only what is not assured and controls no other
// connection. So a flood of forged packets takes the room of other forged packets.

// manyPackets is the number of a client's packets that makes a connection more than a
// forged one. Up to so many, drop_entry takes an idle connection (todrop_entry).
const manyPackets = thinPackets

// assures reports whether a packet that moves a connection from one state to another
// assures it. word is the state word after the packet.
//
//   - TCP and SCTP: the connection is established. If it began in that state, in the
//     middle of a connection (sloppy_tcp, or after the table was full), one forged
//     packet was enough for that. Then an answer or many packets must follow.
//   - UDP: the server answers and the client has sent many packets. A server answers a
//     forged query, too.
func assures(from, to State, word uint64) bool {
	answered, many := word&answeredBit != 0, packetsOf(word) >= manyPackets
	switch {
	case to == UDP:
		return answered && many
	case Assures(to):
		return from != to || answered || many
	}
	return false
}

// A crowd is the entries of one service that are not assured, either those that were
// answered or the others. A flood makes one crowd large. The connections of real clients
// do not stay in a crowd, or they are in another one.
//
// tolerance is the factor by which the sizes of two crowds may differ before they are
// treated differently.
const tolerance = 8

// candidate is a connection that may be evicted. The best candidate is of a large crowd,
// because a service must not take the room of one that is not flooded. Of such
// candidates, one of a lower grade is better, then an older one.
type candidate struct {
	rank  uint64 // lower is better: in a small crowd 1 | grade 8
	since uint64 // lower is better; see merit
	word  uint64 // of the state when it was found
	index uint32
}

const smallCrowd = 1 << 8 // in a rank

// before reports whether c is evicted before o.
func (c *candidate) before(o *candidate) bool {
	return c.rank < o.rank || c.rank == o.rank && c.since < o.since
}

// evictable reports whether a full table may evict the entry.
func (e *entry) evictable(word uint64) bool {
	return word&(liveBit|assuredBit) == liveBit && e.children() == 0
}

// candidate describes the entry at index, whose state word is word. The list remembers
// the largest crowd that it has seen.
func (t *Table) candidate(l *shortlist, e *entry, index uint32, word uint64) candidate {
	rank, since := e.merit(word)
	size := sizeOf(t.crowd(uint32(e.server.Load()>>32), word))
	l.largest = max(l.largest, size)
	if size*tolerance < max(l.largest, l.before) {
		rank |= smallCrowd
	}
	return candidate{rank: rank, since: since, word: word, index: index}
}

// merit returns the grade of an entry that is not assured, and what orders the entries
// of a grade. The grade of a datagram flow is the number of its client's packets after
// the first. Flows of several packets are ordered by the time of their last packet,
// because the busy ones are old. All other entries are ordered by their age.
func (e *entry) merit(word uint64) (grade, since uint64) {
	if State(word&stateMask) == UDP {
		grade = uint64(max(1, min(packetsOf(word), maxPackets))) - 1
	}
	if grade == 0 {
		return 0, e.order.Load()
	}
	return grade, uint64(e.deadline.Load())
}

// Crowds are numbers of connections and templates of one service that are not assured:
// those without an answer and those with one.
type Crowds [2]int64

// Add counts the connection or template c n times, unless it is assured.
func (s *Crowds) Add(c *Conn, n int64) { s.add(c.word, n) }

func (s *Crowds) add(word uint64, n int64) {
	if word&assuredBit == 0 {
		s[word&answeredBit/answeredBit] += n
	}
}

// Share makes the table keep services apart. unassured returns, for the number of a real
// server, the counters of the server's service, which contain the sizes of the service's
// crowds. The callers of Insert, Restore and Observe, and those that get ended
// connections, count there what the table tells them. They may do so later than the
// table, for many packets at once. The table itself counts only the templates that become
// assured. Without Share, a full table treats all connections alike.
func (t *Table) Share(unassured func(server uint32) *[2]atomic.Int64) { t.unassured = unassured }

// crowds returns the counters of a server's service, or nil.
func (t *Table) crowds(server uint32) *[2]atomic.Int64 {
	if t.unassured == nil {
		return nil
	}
	return t.unassured(server)
}

// crowd returns the counter of the crowd to which an entry with that state word
// belongs, or nil.
func (t *Table) crowd(server uint32, word uint64) *atomic.Int64 {
	both := t.crowds(server)
	if both == nil {
		return nil
	}
	if word&answeredBit != 0 {
		return &both[1]
	}
	return &both[0]
}

func sizeOf(crowd *atomic.Int64) int64 {
	if crowd == nil {
		return 0
	}
	return crowd.Load()
}

// yields reports whether a service with the crowds mine may evict the connection at
// index: its own, or one of a crowd that is not much smaller than its own.
func (t *Table) yields(index uint32, mine *[2]atomic.Int64) bool {
	e := &t.entries[index]
	server := uint32(e.server.Load() >> 32)
	return mine == nil || t.crowds(server) == mine ||
		sizeOf(t.crowd(server, e.state.Load()))*tolerance >= max(mine[0].Load(), mine[1].Load())
}
