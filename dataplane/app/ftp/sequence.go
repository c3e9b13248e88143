package ftp

import (
	"encoding/binary"

	"director/packet"
)

// Sequence adjusts the sequence numbers of one direction of a TCP connection after
// edits that changed the length of the stream. The sender keeps its own numbers, and
// the receiver sees shifted numbers. The zero Sequence is a stream without edits.
//
// It corresponds to ip_vs_seq in the kernel (init_seq, delta, previous_delta), but
// also stores the end of the edit, which makes it exact. It stores only the last
// edit, and only until the receiver has acknowledged it. All data before the edit has
// then arrived. Segments that are still on the way are old, and their numbers may be
// wrong by a few bytes. So one shift is valid for the whole stream, even if its
// numbers wrap around.
//
// Sequence contains no pointers, so that it can be stored in a side table. The owner
// serialises access.
type Sequence struct {
	// Start and End are the sender's numbers of the first byte of the edited line and
	// of the first byte after the replaced text.
	Start, End uint32
	// Before is added to the sender's numbers below End, and After to those from End
	// on. They are equal unless the edit is pending.
	Before, After int32
	// Pending reports whether the receiver has not acknowledged the edit yet.
	Pending bool
}

// Record records the edit of a line. The line starts at start, the replaced text
// ended before end, and the line became longer by longer bytes. Record returns false
// and records nothing while an earlier edit is pending. The segment must not pass
// then, and the sender will retransmit it.
func (s *Sequence) Record(start, end uint32, longer int) bool {
	if s.Pending {
		return false
	}
	s.Start, s.End, s.Pending = start, end, true
	s.After = s.Before + int32(longer)
	return true
}

// Cuts reports whether a segment of n bytes that begins at seq contains a part of the
// pending edit, so that it must be edited, too. seq is in the sender's numbers.
func (s *Sequence) Cuts(seq uint32, n int) bool {
	return s.Pending && n > 0 && before(seq, s.End) && before(s.Start, seq+uint32(n))
}

// ApplySeq shifts the sequence number of a segment of the edited direction and
// updates its TCP checksum.
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

// ApplyAck shifts the acknowledgement number and the SACK blocks (RFC 2018) of a
// segment of the other direction back to the sender's numbers, and updates its TCP
// checksum. If the segment acknowledges the pending edit, the edit is not pending any
// more. An acknowledgement that ends within the edited line is moved to its start, so
// that the sender retransmits the whole line. Precondition: the header length is
// valid.
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

// block shifts one SACK block. A part of the edited line is removed from the block.
// If nothing else is in the block, it becomes empty and acknowledges nothing.
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

// received converts the end of received data from the receiver's numbers to the
// sender's numbers.
func (s *Sequence) received(end uint32) uint32 {
	switch {
	case s.within(end):
		return s.Start
	case s.Pending && before(end, s.End+uint32(s.After)):
		return end - uint32(s.Before)
	}
	return end - uint32(s.After)
}

// within reports whether n, in the receiver's numbers, lies inside the edited line.
// There is no corresponding number of the sender then.
func (s *Sequence) within(n uint32) bool {
	return s.Pending && before(s.Start+uint32(s.Before), n) && before(n, s.End+uint32(s.After))
}

// before reports whether a precedes b in sequence space (RFC 9293 §3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }
