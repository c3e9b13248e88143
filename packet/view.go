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

// MACKey is an Ethernet address as one word, so that comparing is fast.
type MACKey uint64

// Key returns m as one word.
func (m MAC) Key() MACKey {
	return MACKey(m[0]) | MACKey(m[1])<<8 | MACKey(m[2])<<16 | MACKey(m[3])<<24 | MACKey(m[4])<<32 | MACKey(m[5])<<40
}

// Type returns the EtherType.
func (h Eth) Type() uint16 { return binary.BigEndian.Uint16(h[12:14]) }

// SetType writes the EtherType.
func (h Eth) SetType(t uint16) { binary.BigEndian.PutUint16(h[12:14], t) }

// SetAddrs writes both addresses.
func (h Eth) SetAddrs(dst, src *MAC) {
	b := (*[12]byte)(h)
	*(*MAC)(b[0:6]) = *dst
	*(*MAC)(b[6:12]) = *src
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
	tcpSeq      = 4
	tcpAck      = 8
	tcpOffset   = 12
	tcpFlags    = 13
	tcpChecksum = 16
	udpLen      = 4
	udpChecksum = 6
)

// L4 is a view of a TCP, UDP or SCTP header and the rest of the packet (RFC 9293
// §3.1, RFC 768, RFC 9260 §3.1). All three headers begin with the source and the
// destination port. Precondition: at least TCPLen, UDPLen or SCTPLen bytes, depending
// on the protocol.
type L4 []byte

// SrcPort returns the source port in host order.
func (h L4) SrcPort() uint16 { return binary.BigEndian.Uint16(h[0:2]) }

// SetSrcPort writes the source port. The caller updates the checksum.
func (h L4) SetSrcPort(p uint16) { binary.BigEndian.PutUint16(h[0:2], p) }

// DstPort returns the destination port in host order.
func (h L4) DstPort() uint16 { return binary.BigEndian.Uint16(h[2:4]) }

// SetDstPort writes the destination port. The caller updates the checksum.
func (h L4) SetDstPort(p uint16) { binary.BigEndian.PutUint16(h[2:4], p) }

// Seq returns the sequence number of a TCP header.
func (h L4) Seq() uint32 { return binary.BigEndian.Uint32(h[tcpSeq:]) }

// SetSeq writes the sequence number of a TCP header.
func (h L4) SetSeq(n uint32) { binary.BigEndian.PutUint32(h[tcpSeq:], n) }

// Ack returns the acknowledgment number of a TCP header.
func (h L4) Ack() uint32 { return binary.BigEndian.Uint32(h[tcpAck:]) }

// SetAck writes the acknowledgment number of a TCP header.
func (h L4) SetAck(n uint32) { binary.BigEndian.PutUint32(h[tcpAck:], n) }

// TCPHeaderLen returns the length in bytes of a TCP header with its options, as the
// header states it.
func (h L4) TCPHeaderLen() int { return int(h[tcpOffset]>>4) * 4 }

// TCPFlags returns the flags of a TCP header.
func (h L4) TCPFlags() uint8 { return h[tcpFlags] }

// SetTCPFlags writes the flags and the header length, in bytes, of a TCP
// header.
func (h L4) SetTCPFlags(flags uint8, headerLen int) {
	h[tcpOffset], h[tcpFlags] = uint8(headerLen/4)<<4, flags
}

// TCPChecksum returns the checksum field of a TCP header.
func (h L4) TCPChecksum() uint16 { return binary.BigEndian.Uint16(h[tcpChecksum:]) }

// SetTCPChecksum writes the checksum field of a TCP header.
func (h L4) SetTCPChecksum(c uint16) { binary.BigEndian.PutUint16(h[tcpChecksum:], c) }

// SetUDPLen writes the length in bytes of a UDP datagram, header included.
func (h L4) SetUDPLen(n uint16) { binary.BigEndian.PutUint16(h[udpLen:], n) }

// UDPChecksum returns the checksum field of a UDP header. 0 means that there is none.
func (h L4) UDPChecksum() uint16 { return binary.BigEndian.Uint16(h[udpChecksum:]) }

// SetUDPChecksum writes the checksum field of a UDP header.
func (h L4) SetUDPChecksum(c uint16) { binary.BigEndian.PutUint16(h[udpChecksum:], c) }
