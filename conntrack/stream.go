package conntrack

import (
	"director/internal/arena"
	"director/internal/ordered"
)

// Flags of the TCP header that streams depend on (RFC 9293 §3.1).
const (
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// Segment is what a stream needs to know of a TCP segment. Len is its length in sequence
// numbers: SYN and FIN count as one each.
type Segment struct {
	Seq, Ack, Len uint32
	Flags         uint8
}

// streams are the two directions of a masqueraded TCP connection. They fill a cache line, so
// that the workers of two connections do not write to the same one.
type streams struct {
	ways [2]stream // the client's and the real server's
	_    [16]byte
}

// stream holds sequence numbers of one direction. A word is a number and, in knownBit,
// whether it is known.
//
// Workers of both directions write the words, without a lock. If they overtake each other, a
// number is older than it could be, until the next segment.
type stream struct {
	// next follows the last byte without a gap that the sender has sent. No segment that
	// does not fit moves it, so whoever does not see the connection cannot.
	next ordered.Uint64
	// high follows the highest byte that was sent. The receiver cannot acknowledge more.
	high ordered.Uint64
	// acked is the highest acknowledgement of the receiver.
	acked ordered.Uint64
}

const knownBit = 1 << 32

// known reports whether a word of a stream has a number.
func known(word uint64) bool { return word&knownBit != 0 }

// is reports whether a word of a stream has that number.
func is(word uint64, n uint32) bool { return known(word) && uint32(word) == n }

// ahead reports whether a comes after b in sequence space (RFC 9293 §3.4).
func ahead(a, b uint32) bool { return int32(a-b) > 0 }

// copyFrom copies the numbers of another connection.
func (b *streams) copyFrom(o *streams) {
	for i := range b.ways {
		to, from := &b.ways[i], &o.ways[i]
		to.next.Store(from.next.Load())
		to.high.Store(from.high.Load())
		to.acked.Store(from.acked.Load())
	}
}

// TrackStreams makes the table follow the sequence numbers of connections, so that Expected
// can tell the resets that end a connection from forged ones. It takes 64 bytes of memory
// for each connection that uses it. Precondition: the table is empty.
func (t *Table) TrackStreams() (err error) {
	t.streams, err = arena.MakeSparse[streams](len(t.entries))
	return err
}

// TracksStreams reports whether TrackStreams was called.
func (t *Table) TracksStreams() bool { return t.streams != nil }

// Expected takes a TCP segment of the masqueraded connection c into account. For a reset it
// reports whether its receiver accepts it, as far as the director can know. A host accepts a
// reset if its sequence number is the next one that the host expects (RFC 5961 §3.2): the
// one that it acknowledged last, or the one after all that was sent. A reset that refuses a
// connection has no such number, but acknowledges the SYN. If the number is another one
// within the window, the host answers with its last acknowledgement. A sender that has in
// fact ended the connection then sends a reset with this number, which Expected accepts.
//
// For other segments it returns true. Precondition: TracksStreams.
func (t *Table) Expected(c *Conn, dir Direction, s Segment) bool {
	both := &t.streams[c.index].ways
	me, other := &both[0], &both[1]
	if dir == Out {
		me, other = other, me
	}
	if s.Flags&flagRST != 0 {
		return me.expects(s, other)
	}
	if s.Flags&flagSYN != 0 && (c.State() != TCPEstablished || !known(me.next.Load())) {
		me.begin(s.Seq + s.Len)
		if s.Flags&flagACK == 0 {
			other.forget()
		}
	} else {
		me.advance(s.Seq, s.Seq+s.Len)
	}
	if s.Flags&flagACK != 0 {
		other.acknowledge(s.Ack)
	}
	return true
}

// expects reports whether the receiver of stream x accepts the reset s. other is the stream
// of the opposite direction.
func (x *stream) expects(s Segment, other *stream) bool {
	next := x.next.Load()
	return is(next, s.Seq) || is(x.acked.Load(), s.Seq) ||
		!known(next) && s.Flags&flagACK != 0 && is(other.next.Load(), s.Ack)
}

// begin begins a stream whose first byte after the SYN is next.
func (x *stream) begin(next uint32) {
	x.acked.Store(0)
	x.high.Store(knownBit | uint64(next))
	x.next.Store(knownBit | uint64(next))
}

// forget forgets a stream.
func (x *stream) forget() {
	x.next.Store(0)
	x.high.Store(0)
	x.acked.Store(0)
}

// advance notes a segment that was sent.
func (x *stream) advance(seq, end uint32) {
	if high := x.high.Load(); !known(high) || ahead(end, uint32(high)) {
		x.high.Store(knownBit | uint64(end))
	}
	if next := x.next.Load(); known(next) && !ahead(seq, uint32(next)) && ahead(end, uint32(next)) {
		x.next.Store(knownBit | uint64(end))
	}
}

// acknowledge notes that the receiver of the stream has all before ack. What it has passed
// the director, so next may have missed a gap that was filled since.
func (x *stream) acknowledge(ack uint32) {
	high, acked := x.high.Load(), x.acked.Load()
	if known(high) && ahead(ack, uint32(high)) || known(acked) && !ahead(ack, uint32(acked)) {
		return
	}
	x.acked.Store(knownBit | uint64(ack))
	if next := x.next.Load(); !known(next) || ahead(ack, uint32(next)) {
		x.next.Store(knownBit | uint64(ack))
	}
}
