package ftp

import (
	"encoding/binary"

	"director/packet"
)

// Sequence keeps the sequence numbers of one direction of a TCP connection
// right after edits that changed the length of its stream. The sender keeps
// its own numbers, the receiver sees shifted ones. The zero Sequence is a
// stream without edits.
//
// It is ip_vs_seq of the kernel (init_seq, delta, previous_delta) with the end
// of the edit beside its start, which makes it exact. Only the last edit is
// remembered, and only until the receiver has acknowledged it. Everything
// before it has then arrived, so that what is still on its way is old and may
// be off by a few bytes, and one shift holds for the whole stream, however far
// its numbers wrap around.
//
// A value without pointers, for a side table. Its owner serialises access.
type Sequence struct {
	// Start and End are the sender's numbers of the first byte of the edited
	// line and of the first one behind the replaced text.
	Start, End uint32
	// Before and After are what is added to the sender's numbers below End,
	// and from there on. They are equal unless the edit is pending.
	Before, After int32
	// Pending: the receiver has not acknowledged the edit.
	Pending bool
}

// Record notes that a line has been edited: it starts at start, the replaced
// text ended before end, and became longer bytes longer. It reports false,
// with nothing noted, while an earlier edit is pending: the segment must not
// pass, and the sender will repeat it.
func (s *Sequence) Record(start, end uint32, longer int) bool {
	if s.Pending {
		return false
	}
	s.Start, s.End, s.Pending = start, end, true
	s.After = s.Before + int32(longer)
	return true
}

// Cuts reports whether a segment of n bytes from seq on, in the sender's
// numbers, carries any part of the pending edit: it must be edited, too.
func (s *Sequence) Cuts(seq uint32, n int) bool {
	return s.Pending && n > 0 && before(seq, s.End) && before(s.Start, seq+uint32(n))
}

// ApplySeq shifts the sequence number of a segment of the edited direction and
// mends its TCP checksum.
func (s *Sequence) ApplySeq(l4 packet.L4) {
	shift := s.After
	if s.Pending && before(l4.Seq(), s.End) {
		shift = s.Before
	}
	if shift == 0 {
		return
	}
	from, to := l4.Seq(), l4.Seq()+uint32(shift)
	l4.SetSeq(to)
	l4.SetTCPChecksum(packet.Delta(0).Replace32(from, to).Apply(l4.TCPChecksum()))
}

// ApplyAck shifts the acknowledgement number and the SACK blocks (RFC 2018) of
// a segment of the other direction back to the sender's numbers, mends its TCP
// checksum, and notes what it acknowledges. An acknowledgement that ends within
// the edited line acknowledges nothing of it, so that the sender repeats it
// whole. Precondition: the TCP header is as long as it says.
func (s *Sequence) ApplyAck(l4 packet.L4) {
	if l4.TCPFlags()&packet.ACK == 0 {
		return
	}
	ack := l4.Ack()
	if s.Pending || s.After != 0 {
		header := l4[:l4.TCPHeaderLen()]
		was := packet.Sum(header, 0)
		l4.SetAck(s.received(ack))
		s.selective(header[packet.TCPLen:])
		is := packet.Sum(header, 0)
		l4.SetTCPChecksum(packet.Delta(0).Replace16(was, is).Apply(l4.TCPChecksum()))
	}
	if s.Pending && !before(ack, s.End+uint32(s.After)) {
		s.Pending, s.Before = false, s.After
	}
}

// Kinds of TCP options (IANA tcp-parameters).
const (
	optionEnd  = 0
	optionNop  = 1
	optionSACK = 5

	sackBlock = 8 // bytes: left and right edge
)

// selective shifts the SACK blocks among the TCP options.
func (s *Sequence) selective(options []byte) {
	for len(options) > 0 && options[0] != optionEnd {
		if options[0] == optionNop {
			options = options[1:]
			continue
		}
		if len(options) < 2 || options[1] < 2 || int(options[1]) > len(options) {
			return
		}
		n := int(options[1])
		if options[0] == optionSACK && (n-2)%sackBlock == 0 {
			for b := options[2:n]; len(b) > 0; b = b[sackBlock:] {
				s.block(b)
			}
		}
		options = options[n:]
	}
}

// block shifts one SACK block. What it says of part of the edited line is
// taken back; a block of nothing else becomes empty, which means nothing.
func (s *Sequence) block(b []byte) {
	left, right := binary.BigEndian.Uint32(b), s.received(binary.BigEndian.Uint32(b[4:]))
	if s.within(left) {
		left = s.End
	} else {
		left = s.received(left)
	}
	if before(right, left) {
		left = right
	}
	binary.BigEndian.PutUint32(b, left)
	binary.BigEndian.PutUint32(b[4:], right)
}

// received returns the sender's number for the end of what the receiver has,
// given in the receiver's numbers.
func (s *Sequence) received(end uint32) uint32 {
	switch {
	case s.within(end):
		return s.Start
	case s.Pending && before(end, s.End+uint32(s.After)):
		return end - uint32(s.Before)
	}
	return end - uint32(s.After)
}

// within reports whether n, in the receiver's numbers, lies inside the edited
// line, so that the sender has no number for it.
func (s *Sequence) within(n uint32) bool {
	return s.Pending && before(s.Start+uint32(s.Before), n) && before(n, s.End+uint32(s.After))
}

// before reports whether a comes before b in the circle of sequence numbers
// (RFC 9293 §3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }
