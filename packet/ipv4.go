package packet

import "encoding/binary"

// IPv4 is a view of an IPv4 header (RFC 791 §3.1).
//
//	 0       4       8              16                              32
//	+-------+-------+---------------+-------------------------------+
//	|version|  ihl  |      tos      |         total length          |
//	+-------+-------+---------------+-----+-------------------------+
//	|        identification         |flags|     fragment offset     |
//	+---------------+---------------+-----+-------------------------+
//	|      ttl      |   protocol    |       header checksum         |
//	+---------------+---------------+-------------------------------+
//	|                            source                             |
//	+---------------------------------------------------------------+
//	|                          destination                          |
//	+---------------------------------------------------------------+
//
// Precondition of every method: at least IPv4Len bytes, and HeaderLen bytes where the
// method reads the whole header.
type IPv4 []byte

// Bits of the flags-and-fragment-offset word.
const (
	IPv4DF         = 0x4000
	IPv4MF         = 0x2000
	IPv4OffsetMask = 0x1fff
)

// Blank overwrites h with a header without options. All fields except the version and
// the header length are zero.
func (h IPv4) Blank() {
	clear(h[:IPv4Len])
	h[0] = 4<<4 | IPv4Len/4
}

// IPv4Fields are the fields of a header without options. Addresses are in host order.
type IPv4Fields struct {
	TOS, TTL, Proto           uint8
	TotalLen, ID, FlagsOffset uint16
	Src, Dst                  uint32
}

// Write writes a header without options, with its checksum. The sum is computed from
// words in registers. Reading back bytes that were just written in smaller pieces
// would stall until the pieces reach the cache.
func (h IPv4) Write(f *IPv4Fields) {
	w0 := 4<<28 | IPv4Len/4<<24 | uint32(f.TOS)<<16 | uint32(f.TotalLen)
	w1 := uint32(f.ID)<<16 | uint32(f.FlagsOffset)
	w2 := uint32(f.TTL)<<24 | uint32(f.Proto)<<16
	PutIPv4((*[IPv4Len]byte)(h), w0, w1, w2, f.Src, f.Dst)
}

// PutIPv4 writes a header without options from its words: see the diagram. It writes
// the checksum into the lower half of w2, which must be 0.
func PutIPv4(h *[IPv4Len]byte, w0, w1, w2, src, dst uint32) {
	sum := Delta(w0) + Delta(w1) + Delta(w2) + Delta(src) + Delta(dst)
	binary.BigEndian.PutUint32(h[0:4], w0)
	binary.BigEndian.PutUint32(h[4:8], w1)
	binary.BigEndian.PutUint32(h[8:12], w2|uint32(sum.Apply(0xffff)))
	binary.BigEndian.PutUint32(h[12:16], src)
	binary.BigEndian.PutUint32(h[16:20], dst)
}

// Version returns the IP version, which is 4 in a valid header.
func (h IPv4) Version() uint8 { return h[0] >> 4 }

// HeaderLen returns the length of the header with its options in bytes.
func (h IPv4) HeaderLen() int { return int(h[0]&0x0f) * 4 }

// TOS returns the type-of-service byte: DSCP and ECN.
func (h IPv4) TOS() uint8 { return h[1] }

// SetTOS writes the type-of-service byte. This setter and those below do not update
// the checksum; the caller does.
func (h IPv4) SetTOS(tos uint8) { h[1] = tos }

// TotalLen returns the length of the packet in bytes.
func (h IPv4) TotalLen() uint16 { return binary.BigEndian.Uint16(h[2:4]) }

// SetTotalLen writes the length of the packet in bytes.
func (h IPv4) SetTotalLen(n uint16) { binary.BigEndian.PutUint16(h[2:4], n) }

// ID returns the identification, which fragments of one datagram share.
func (h IPv4) ID() uint16 { return binary.BigEndian.Uint16(h[4:6]) }

// SetID writes the identification.
func (h IPv4) SetID(id uint16) { binary.BigEndian.PutUint16(h[4:6], id) }

// FlagsOffset returns the word that contains DF, MF and the fragment offset.
func (h IPv4) FlagsOffset() uint16 { return binary.BigEndian.Uint16(h[6:8]) }

// SetFlagsOffset writes the word that contains DF, MF and the fragment offset.
func (h IPv4) SetFlagsOffset(v uint16) { binary.BigEndian.PutUint16(h[6:8], v) }

// DF reports whether the packet must not be fragmented.
func (h IPv4) DF() bool { return h.FlagsOffset()&IPv4DF != 0 }

// TTL returns the time to live.
func (h IPv4) TTL() uint8 { return h[8] }

// SetTTL writes the time to live.
func (h IPv4) SetTTL(ttl uint8) { h[8] = ttl }

// Proto returns the protocol number.
func (h IPv4) Proto() uint8 { return h[9] }

// SetProto writes the protocol number.
func (h IPv4) SetProto(proto uint8) { h[9] = proto }

// Checksum returns the header checksum field.
func (h IPv4) Checksum() uint16 { return binary.BigEndian.Uint16(h[10:12]) }

// SetChecksum writes the header checksum field.
func (h IPv4) SetChecksum(c uint16) { binary.BigEndian.PutUint16(h[10:12], c) }

// UpdateChecksum recomputes the header checksum, options included.
func (h IPv4) UpdateChecksum() {
	h.SetChecksum(0)
	h.SetChecksum(^Sum(h[:h.HeaderLen()], 0))
}

// Src returns the source address in host order.
func (h IPv4) Src() uint32 { return binary.BigEndian.Uint32(h[12:16]) }

// SetSrc writes the source address.
func (h IPv4) SetSrc(a uint32) { binary.BigEndian.PutUint32(h[12:16], a) }

// Dst returns the destination address in host order.
func (h IPv4) Dst() uint32 { return binary.BigEndian.Uint32(h[16:20]) }

// SetDst writes the destination address.
func (h IPv4) SetDst(a uint32) { binary.BigEndian.PutUint32(h[16:20], a) }

// hop is the change of a checksum when the time to live decreases by one. The time to
// live is the upper byte of its word w, so the change is ^w + (w - 0x100), which is
// the same for every w.
const hop Delta = 0xffff - 0x100

// Forward decrements the time to live, as a router does, and updates the header
// checksum for this change and for the changes in delta. Precondition: the TTL is not
// 0.
func (h IPv4) Forward(delta Delta) {
	h[8]--
	h.SetChecksum((delta + hop).Apply(h.Checksum()))
}

// ChecksumOK reports whether the header checksum, options included, is correct.
func (h IPv4) ChecksumOK() bool {
	if h.HeaderLen() != IPv4Len {
		return Sum(h[:h.HeaderLen()], 0) == 0xffff
	}
	return plainChecksumOK((*[IPv4Len]byte)(h))
}
