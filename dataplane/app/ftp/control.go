package ftp

import "director/packet"

// Action is what becomes of a segment of a control connection.
type Action uint8

const (
	// Forward: masquerade and send it.
	Forward Action = iota
	// Open: the same, but only once the data connection exists. A segment
	// that is dropped instead comes again, and says Open again.
	Open
	// DropChecksum: the TCP checksum or header length is wrong.
	DropChecksum
	// DropOrder: it cannot be shown to the client yet, or not in this cut; the
	// server will repeat it.
	DropOrder
	// DropRoom: the rewritten frame does not fit into its buffer.
	DropRoom
)

func (a Action) String() string {
	return [...]string{"forward", "open", "drop-checksum", "drop-order", "drop-room"}[a]
}

// Control is the memory of one control connection. The zero Control is one
// that has just begun; the owner clears it when the table's entry is used for
// another connection.
//
// Edits are exact, whatever the network does, because only the first byte that
// has not passed before may begin an announcement, and because an edit waits
// until the client has acknowledged the one before it. So that no announcement
// is missed for being overtaken, nothing passes behind a hole in the stream
// while one is awaited. The server repeats what is dropped for that.
//
// An announcement must also begin a line of the stream, not only of a segment:
// a client that chooses small segments could make an error message that quotes
// it break where it likes.
//
// A value without pointers, for a side table. The owner serialises access and
// shows it every segment of the connection, of both directions.
type Control struct {
	// Out shifts the stream from the server; the other one is never edited.
	Out Sequence
	// Next is the server's sequence number behind all data that has passed,
	// once Seen.
	Next uint32
	Seen bool
	// MidLine: what has passed ends within a line.
	MidLine bool
	// Awaited is Passive or ExtendedPassive between the client's command and
	// the server's answer, else Nothing.
	Awaited Kind
}

// FromClient handles a segment from the client. With Open, the endpoint is the
// client's, to which the server will connect.
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

// FromServer handles a segment from the real server and shows the client the
// virtual address, which is IPv4, instead of the server's. With Open, the
// endpoint is the server's, to which the client will connect by the virtual
// address and the same port. The frame may have become longer: whether it fits
// the way to the client is to be asked afterwards.
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

// unseen returns where, in a segment that begins at seq, the first byte lies
// that has not passed before; negative when something before it is missing.
func (c *Control) unseen(seq uint32) int {
	if !c.Seen {
		return 0
	}
	return int(int32(c.Next - seq))
}

// answer reads what may be the awaited announcement, at the given place of the
// payload of f, and edits it.
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

// repeat edits the pending announcement again, as it was edited when it came
// first. A segment that carries only a part of it, or something else in its
// place, cannot be edited and must not pass.
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

// edit writes the virtual address into the reply at the given place of the
// payload of f and returns how much longer it became, or false when there is no
// room.
func edit(f *packet.Frame, reply Reply, at int, virtual packet.Addr) (longer int, ok bool) {
	if reply.From == reply.To {
		return 0, true
	}
	var room [maxText]byte
	text, longer := reply.Append(room[:0], virtual)
	return longer, Replace(f, at+reply.From, at+reply.To, text) == Forward
}

// segmentEnd returns the sequence number behind a segment with n bytes of
// payload; SYN and FIN count as one each.
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
