package fragment

import (
	"encoding/binary"

	"director/packet"
)

// Splitter cuts an IPv4 packet into fragments, one at a time (RFC 791 §3.2).
// It reads the packet's frame, which must not change until the last fragment is
// written.
type Splitter struct {
	frame     []byte
	at, end   int    // the range in frame of the data that is left
	room      int    // maximum length of the data in a fragment
	offset    int    // of the remaining data, in the datagram to which the packet belongs
	flags     uint16 // of the packet, without the offset
	headerLen int
	later     [maxHeader]byte // the header of all fragments except the first
}

// maxHeader is the length of the longest IPv4 header.
const maxHeader = 60

// Split returns a Splitter that cuts the IPv4 packet in an Ethernet frame into
// fragments of at most limit bytes, IP header included. The packet can itself be a
// fragment. A packet that is short enough is returned unchanged as the only fragment.
// Split ignores DF; all fragments have the DF bit of the packet.
//
// Split returns false if it cannot make fragments: the limit leaves no room for 8
// bytes of data after the header, the packet is longer than the frame, or the packet
// ends beyond the longest datagram.
func Split(frame []byte, limit int) (s Splitter, ok bool) {
	if len(frame) < packet.EthLen+packet.IPv4Len {
		return s, false
	}
	ip := packet.IPv4(frame[packet.EthLen:])
	flags, headerLen, total := ip.FlagsOffset(), ip.HeaderLen(), int(ip.TotalLen())
	s = Splitter{
		frame:     frame,
		at:        packet.EthLen + headerLen,
		end:       packet.EthLen + total,
		room:      limit - headerLen,
		offset:    int(flags&packet.IPv4OffsetMask) * unit,
		flags:     flags &^ packet.IPv4OffsetMask,
		headerLen: headerLen,
	}
	if s.room < unit || headerLen < packet.IPv4Len || total < headerLen || total > len(ip) || s.offset+total > maxLen {
		return s, false
	}
	copy(s.later[:], ip[:headerLen])
	dropOptions(s.later[packet.IPv4Len:headerLen])
	return s, true
}

// Next writes a frame with the next fragment to buf and returns its length. After the
// last fragment it returns 0. If buf is too short for a fragment of limit bytes, the
// fragment is shorter. Precondition: buf has room for the Ethernet header, the
// longest IP header and 8 bytes of data.
func (s *Splitter) Next(buf []byte) int {
	if s.frame == nil {
		return 0
	}
	n, flags, header := s.end-s.at, s.flags, s.headerLen
	room := min(s.room, len(buf)-packet.EthLen-header)
	last := n <= room
	if !last {
		n = room / unit * unit
		flags |= packet.IPv4MF
	}
	copy(buf, s.frame[:packet.EthLen+header])
	ip := packet.IPv4(buf[packet.EthLen : packet.EthLen+header+n])
	if s.at > packet.EthLen+header {
		copy(ip, s.later[:header])
	}
	copy(ip[header:], s.frame[s.at:s.at+n])
	binary.BigEndian.PutUint16(ip[ipTotalLen:], uint16(header+n))
	binary.BigEndian.PutUint16(ip[ipFlagsOffset:], flags|uint16(s.offset/unit))
	sumHeader(ip[:header])
	s.at += n
	s.offset += n
	if last {
		s.frame = nil
	}
	return packet.EthLen + header + n
}

// IP options (RFC 791 §3.1): the two options of one byte, and the bit of the option
// type that copies the option to all fragments.
const (
	optionEnd  = 0
	optionNop  = 1
	optionCopy = 0x80
)

// dropOptions replaces options that only the first fragment carries by no-operation,
// which keeps the length of the header (ip_options_fragment in Linux does the same).
// At an invalid option it stops and leaves the rest unchanged.
func dropOptions(b []byte) {
	for len(b) > 0 && b[0] != optionEnd {
		n := 1
		if b[0] != optionNop {
			if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
				return
			}
			n = int(b[1])
			if b[0]&optionCopy == 0 {
				for i := range n {
					b[i] = optionNop
				}
			}
		}
		b = b[n:]
	}
}
