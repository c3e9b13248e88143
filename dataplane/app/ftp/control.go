package ftp

import "director/packet"

// Action says what to do with a segment of a control connection.
type Action uint8

const (
	// Forward: masquerade and send the segment.
	Forward Action = iota
	// Open: do the same, but insert the data connection before. If that fails and the
	// segment is dropped, its sender retransmits it, and the result is Open again.
	Open
	// DropChecksum: the TCP checksum or header length is wrong.
	DropChecksum
	// DropOrder: the client must not get the segment yet, or not with these
	// boundaries. The server will retransmit the data.
	DropOrder
	// DropRoom: the rewritten frame does not fit into its buffer.
	DropRoom
)

func (a Action) String() string {
	return [...]string{"forward", "open", "drop-checksum", "drop-order", "drop-room"}[a]
}

// Control is the state of one control connection. The zero Control is the state of a
// new connection. The owner clears it when the entry of the connection table is used
// for another connection.
//
// Edits are exact in spite of loss, reordering and retransmission. Only the first
// byte that has not passed before can begin an announcement. A further edit waits
// until the client has acknowledged the previous one. While an announcement is
// awaited, nothing after a gap in the stream passes. Otherwise an announcement could
// be missed because later data overtook it. The server retransmits segments that are
// dropped for these reasons.
//
// An announcement must begin a line of the stream, not only a segment. Otherwise a
// client that makes the server send small segments could choose where an error
// message that quotes the client is split, and so forge an announcement.
//
// Control contains no pointers, so that it can be stored in a side table. The owner
// serialises access and passes every segment of the connection, of both directions,
// to it.
type Control struct {
	// Out adjusts the sequence numbers of the stream from the server. The other
	// stream is never edited.
	Out Sequence
	// Next is the server's sequence number after all data that has passed. It is
	// valid if Seen is set.
	Next uint32
	Seen bool
	// MidLine reports whether the data that has passed ends within a line.
	MidLine bool
	// Awaited is Passive or ExtendedPassive between the client's command and the
	// server's answer. Otherwise it is Nothing.
	Awaited Kind
}

// FromClient handles a segment from the client. If the action is Open, the endpoint
// is that of the client, and the server will connect to it.
func (c *Control) FromClient(f *packet.Frame) (Endpoint, Action) {
	payload, ok := Payload(f.Transport())
	if !ok || !ChecksumOK(f) {
		return Endpoint{}, DropChecksum
	}
	c.Out.ApplyAck(f.Transport())
	switch command := ParseCommand(payload, f.Src); command.Kind {
	case Passive, ExtendedPassive:
		c.Awaited = command.Kind
	case Refused:
		c.Awaited = Nothing
	case Announced:
		c.Awaited = Nothing
		return command.Endpoint, Open
	}
	return Endpoint{}, Forward
}

// FromServer handles a segment from the real server. It replaces the server's address
// in an announcement by the virtual address, which is IPv4. If the action is Open,
// the endpoint is that of the server. The client will connect to the virtual address
// and the same port. The frame can become longer, so the caller must check the MTU
// afterwards.
func (c *Control) FromServer(f *packet.Frame, virtual packet.Addr) (Endpoint, Action) {
	l4 := f.Transport()
	payload, ok := Payload(l4)
	if !ok || !ChecksumOK(f) {
		return Endpoint{}, DropChecksum
	}
	seq, next, midLine := l4.Seq(), segmentEnd(l4, len(payload)), c.MidLine
	if n := len(payload); n > 0 {
		midLine = payload[n-1] != '\n'
	}
	var reply Reply
	action := Forward
	switch at := c.unseen(seq); {
	case c.Out.Cuts(seq, len(payload)):
		reply, action = c.repeat(f, payload, virtual)
	case c.Awaited == Nothing:
	case at < 0 && next != seq:
		return Endpoint{}, DropOrder
	case at >= 0 && at < len(payload) && !c.MidLine:
		reply, action = c.answer(f, payload, at, virtual)
	}
	if action > Open {
		return Endpoint{}, action
	}
	c.Out.ApplySeq(f.Transport())
	if !c.Seen || next != seq && before(c.Next, next) {
		c.Next, c.Seen, c.MidLine = next, true, midLine
	}
	if action == Open {
		return reply.Endpoint, Open
	}
	return Endpoint{}, Forward
}

// unseen returns the offset of the first byte that has not passed before, in a
// segment that begins at seq. It is negative if data before the segment is missing.
func (c *Control) unseen(seq uint32) int {
	if !c.Seen {
		return 0
	}
	return int(int32(c.Next - seq))
}

// answer checks whether the awaited announcement begins at offset at of the payload
// of f. If so, it edits the announcement.
func (c *Control) answer(f *packet.Frame, payload []byte, at int, virtual packet.Addr) (Reply, Action) {
	reply := ParseReply(payload[at:], f.Src)
	if reply.Kind == Nothing || reply.extended != (c.Awaited == ExtendedPassive) {
		return reply, Forward
	}
	if reply.Kind == Announced {
		if c.Out.Pending {
			return reply, DropOrder
		}
		start := f.Transport().Seq() + uint32(at)
		longer, ok := edit(f, reply, at, virtual)
		if !ok {
			return reply, DropRoom
		}
		c.Out.Record(start, start+uint32(reply.To), longer)
		c.Awaited = Nothing
		return reply, Open
	}
	c.Awaited = Nothing
	return reply, Forward
}

// repeat edits a retransmission of the pending announcement in the same way as
// before. A segment that contains only a part of it, or other data in its place,
// cannot be edited and must not pass.
func (c *Control) repeat(f *packet.Frame, payload []byte, virtual packet.Addr) (Reply, Action) {
	seq := f.Transport().Seq()
	at := int(int32(c.Out.Start - seq))
	if at < 0 {
		return Reply{}, DropOrder
	}
	reply := ParseReply(payload[at:], f.Src)
	if reply.Kind != Announced || c.Out.Start+uint32(reply.To) != c.Out.End ||
		reply.longer(virtual) != int(c.Out.After-c.Out.Before) {
		return reply, DropOrder
	}
	if _, ok := edit(f, reply, at, virtual); !ok {
		return reply, DropRoom
	}
	return reply, Open
}

// edit writes the virtual address into the reply at offset at of the payload of f. It
// returns the number of bytes by which the payload became longer. ok is false if
// there is no room.
func edit(f *packet.Frame, reply Reply, at int, virtual packet.Addr) (longer int, ok bool) {
	if reply.From == reply.To {
		return 0, true
	}
	var room [maxText]byte
	text, longer := reply.Append(room[:0], virtual)
	return longer, Replace(f, at+reply.From, at+reply.To, text) == Forward
}

// segmentEnd returns the sequence number after a segment with n bytes of payload. SYN
// and FIN count as one each.
func segmentEnd(l4 packet.L4, n int) uint32 {
	end := l4.Seq() + uint32(n)
	if l4.TCPFlags()&packet.SYN != 0 {
		end++
	}
	if l4.TCPFlags()&packet.FIN != 0 {
		end++
	}
	return end
}
