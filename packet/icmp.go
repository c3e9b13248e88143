package packet

import "encoding/binary"

// ICMPLen is the length in bytes of the header of an ICMP error. The quoted packet
// follows it.
const ICMPLen = 8

// Types and codes of the ICMP errors that concern a connection (RFC 792).
const (
	ICMPUnreachable  = 3
	ICMPSourceQuench = 4
	ICMPTimeExceeded = 11

	CodePort       = 3 // of ICMPUnreachable: no such port
	CodeFragNeeded = 4 // of ICMPUnreachable: the packet is too long, and DF is set
)

// ICMP is a view of an ICMP message, from its header to its end.
//
//	 0               8              16                              32
//	+---------------+---------------+-------------------------------+
//	|     type      |     code      |           checksum            |
//	+---------------+---------------+-------------------------------+
//	|            unused             |         next-hop MTU          |
//	+-------------------------------+-------------------------------+
//
// The second word is shown as "fragmentation needed" uses it (RFC 1191 §4); other
// types use it differently. Precondition of every method: at least ICMPLen bytes.
type ICMP []byte

// Type returns the type of the message.
func (h ICMP) Type() uint8 { return h[0] }

// Code returns the code of the message, which refines the type.
func (h ICMP) Code() uint8 { return h[1] }

// MTU returns the next-hop MTU. 0 means that the router did not report it.
func (h ICMP) MTU() uint16 { return binary.BigEndian.Uint16(h[6:8]) }

// Set writes all fields of the header except the checksum, which it sets to 0.
func (h ICMP) Set(typ, code uint8, mtu uint16) {
	clear(h[:ICMPLen])
	h[0], h[1] = typ, code
	binary.BigEndian.PutUint16(h[6:8], mtu)
}

// ChecksumOK reports whether the checksum of the message is correct.
func (h ICMP) ChecksumOK() bool { return Sum(h, 0) == 0xffff }

// UpdateChecksum recomputes the checksum of the message.
func (h ICMP) UpdateChecksum() {
	h[2], h[3] = 0, 0
	binary.BigEndian.PutUint16(h[2:4], ^Sum(h, 0))
}

// ICMP returns a view of the ICMP message. Precondition: the packet is an ICMP
// message of at least ICMPLen bytes, for example because ParseQuote returned true.
func (f *Frame) ICMP() ICMP {
	b := f.Bytes()
	return ICMP(b[f.L4 : uint32(f.L3)+uint32(f.IPLen)])
}
