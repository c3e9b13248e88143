package packet

import "encoding/binary"

// ICMPLen is the length of an ICMP error's own header in bytes; the packet that
// it quotes follows.
const ICMPLen = 8

// Types and codes of the ICMP errors that concern a connection (RFC 792).
const (
	ICMPUnreachable  = 3
	ICMPSourceQuench = 4
	ICMPTimeExceeded = 11

	CodePort       = 3 // of ICMPUnreachable: no such port
	CodeFragNeeded = 4 // of ICMPUnreachable: too long, and DF forbids to fragment
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
// The second word is that of "fragmentation needed" (RFC 1191 §4); other types
// fill it otherwise. Precondition of every method: at least ICMPLen bytes.
type ICMP []byte

// Type returns the type of the message.
func (h ICMP) Type() uint8 { return h[0] }

// Code returns what the type leaves open.
func (h ICMP) Code() uint8 { return h[1] }

// MTU returns the next-hop MTU; 0 means that the router did not tell.
func (h ICMP) MTU() uint16 { return binary.BigEndian.Uint16(h[6:8]) }

// Set writes the header but for the checksum.
func (h ICMP) Set(typ, code uint8, mtu uint16) {
	clear(h[:ICMPLen])
	h[0], h[1] = typ, code
	binary.BigEndian.PutUint16(h[6:8], mtu)
}

// ChecksumOK reports whether the whole message sums up.
func (h ICMP) ChecksumOK() bool { return Sum(h, 0) == 0xffff }

// UpdateChecksum computes the checksum over the whole message anew.
func (h ICMP) UpdateChecksum() {
	h[2], h[3] = 0, 0
	binary.BigEndian.PutUint16(h[2:4], ^Sum(h, 0))
}

// ICMP returns the view of the packet's ICMP message. Precondition: it is one,
// of at least ICMPLen bytes, as where ParseQuote returned true.
func (f *Frame) ICMP() ICMP {
	b := f.Bytes()
	return ICMP(b[f.L4 : uint32(f.L3)+uint32(f.IPLen)])
}
