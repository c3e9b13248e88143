package packet

import "encoding/binary"

// Lengths of headers without options, in bytes.
const (
	EthLen  = 14
	IPv4Len = 20
	TCPLen  = 20
	UDPLen  = 8
)

// EtherType values (IANA ieee-802-numbers).
const (
	EtherTypeIPv4 = 0x0800
)

// Eth is a view of an Ethernet header.
//
//	+------------------+------------------+-----------+
//	| destination (6)  |    source (6)    | type (2)  |
//	+------------------+------------------+-----------+
//
// Precondition of every method: at least EthLen bytes.
type Eth []byte

// Dst returns the destination address.
func (h Eth) Dst() MAC { return MAC(h[0:6]) }

// Type returns the EtherType.
func (h Eth) Type() uint16 { return binary.BigEndian.Uint16(h[12:14]) }

// SetAddrs writes both addresses.
func (h Eth) SetAddrs(dst, src MAC) {
	_ = h[11]
	copy(h[0:6], dst[:])
	copy(h[6:12], src[:])
}

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
// Precondition of every method: at least IPv4Len bytes, and HeaderLen bytes
// where the whole header is meant.
type IPv4 []byte

// Bits of the flags-and-fragment-offset word.
const (
	IPv4DF         = 0x4000
	IPv4MF         = 0x2000
	IPv4OffsetMask = 0x1fff
)

// Version returns 4 for a header that is what it should be.
func (h IPv4) Version() uint8 { return h[0] >> 4 }

// HeaderLen returns the length of the header with its options in bytes.
func (h IPv4) HeaderLen() int { return int(h[0]&0x0f) * 4 }

// TOS returns the type-of-service byte: DSCP and ECN.
func (h IPv4) TOS() uint8 { return h[1] }

// TotalLen returns the length of the packet in bytes.
func (h IPv4) TotalLen() uint16 { return binary.BigEndian.Uint16(h[2:4]) }

// FlagsOffset returns DF, MF and the fragment offset as they stand.
func (h IPv4) FlagsOffset() uint16 { return binary.BigEndian.Uint16(h[6:8]) }

// DF reports whether the packet must not be fragmented.
func (h IPv4) DF() bool { return h.FlagsOffset()&IPv4DF != 0 }

// TTL returns the time to live.
func (h IPv4) TTL() uint8 { return h[8] }

// Proto returns the protocol number.
func (h IPv4) Proto() uint8 { return h[9] }

// Checksum returns the header checksum field.
func (h IPv4) Checksum() uint16 { return binary.BigEndian.Uint16(h[10:12]) }

// SetChecksum writes the header checksum field.
func (h IPv4) SetChecksum(c uint16) { binary.BigEndian.PutUint16(h[10:12], c) }

// Src returns the source address in host order.
func (h IPv4) Src() uint32 { return binary.BigEndian.Uint32(h[12:16]) }

// SetSrc writes the source address; checksums are the caller's business.
func (h IPv4) SetSrc(a uint32) { binary.BigEndian.PutUint32(h[12:16], a) }

// Dst returns the destination address in host order.
func (h IPv4) Dst() uint32 { return binary.BigEndian.Uint32(h[16:20]) }

// SetDst writes the destination address; checksums are the caller's business.
func (h IPv4) SetDst(a uint32) { binary.BigEndian.PutUint32(h[16:20], a) }

// Forward takes one off the time to live, as a router does, and mends the
// header checksum for that and for the changes in delta. Precondition: the TTL
// is not 0.
func (h IPv4) Forward(delta Delta) {
	from := binary.BigEndian.Uint16(h[8:10])
	binary.BigEndian.PutUint16(h[8:10], from-0x100)
	h.SetChecksum(delta.Replace16(from, from-0x100).Apply(h.Checksum()))
}

// ChecksumOK reports whether the header, options included, sums up. One without
// options is summed a word at a time, in whatever byte order: that the sum is
// 0xffff does not depend on it (RFC 1071 §2).
func (h IPv4) ChecksumOK() bool {
	if h.HeaderLen() != IPv4Len {
		return Sum(h[:h.HeaderLen()], 0) == 0xffff
	}
	b := h[:IPv4Len]
	s := uint64(binary.LittleEndian.Uint32(b[0:])) + uint64(binary.LittleEndian.Uint32(b[4:])) +
		uint64(binary.LittleEndian.Uint32(b[8:])) + uint64(binary.LittleEndian.Uint32(b[12:])) +
		uint64(binary.LittleEndian.Uint32(b[16:]))
	return fold64(s, 0) == 0xffff
}

// Flags of the TCP header (RFC 9293 §3.1).
const (
	FIN = 0x01
	SYN = 0x02
	RST = 0x04
	ACK = 0x10
)

// Offsets within a TCP or UDP header, in bytes.
const (
	tcpFlags    = 13
	tcpChecksum = 16
	udpChecksum = 6
)

// L4 is a view of a TCP or UDP header (RFC 9293 §3.1, RFC 768). Both begin
// with the source and the destination port. Precondition: at least TCPLen or
// UDPLen bytes, by protocol.
type L4 []byte

// SrcPort returns the source port in host order.
func (h L4) SrcPort() uint16 { return binary.BigEndian.Uint16(h[0:2]) }

// SetSrcPort writes the source port; checksums are the caller's business.
func (h L4) SetSrcPort(p uint16) { binary.BigEndian.PutUint16(h[0:2], p) }

// DstPort returns the destination port in host order.
func (h L4) DstPort() uint16 { return binary.BigEndian.Uint16(h[2:4]) }

// SetDstPort writes the destination port; checksums are the caller's business.
func (h L4) SetDstPort(p uint16) { binary.BigEndian.PutUint16(h[2:4], p) }

// TCPChecksum returns the checksum field of a TCP header.
func (h L4) TCPChecksum() uint16 { return binary.BigEndian.Uint16(h[tcpChecksum:]) }

// SetTCPChecksum writes the checksum field of a TCP header.
func (h L4) SetTCPChecksum(c uint16) { binary.BigEndian.PutUint16(h[tcpChecksum:], c) }

// UDPChecksum returns the checksum field of a UDP header; 0 means none.
func (h L4) UDPChecksum() uint16 { return binary.BigEndian.Uint16(h[udpChecksum:]) }

// SetUDPChecksum writes the checksum field of a UDP header.
func (h L4) SetUDPChecksum(c uint16) { binary.BigEndian.PutUint16(h[udpChecksum:], c) }
