package packet

import (
	"encoding/binary"
	"math/bits"
)

// Checksum arithmetic of the Internet protocols (RFC 1071): sums are kept as
// 16-bit ones' complement numbers that are not yet inverted.

// Sum adds the bytes of b, as big-endian 16-bit words, to the sum so far. An
// odd last byte counts as the upper half of a word.
func Sum(b []byte, sum uint32) uint16 {
	var acc, carry uint64
	for len(b) >= 8 {
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b), carry)
		b = b[8:]
	}
	var tail [8]byte
	copy(tail[:], b)
	acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(tail[:]), carry)
	acc, carry = bits.Add64(acc, uint64(sum), carry)
	return fold64(acc, carry)
}

// fold64 reduces a 64-bit ones' complement sum and its carry to 16 bits.
func fold64(acc, carry uint64) uint16 {
	s := acc>>32 + acc&0xffffffff + carry
	s = s>>32 + s&0xffffffff
	return Fold(uint32(s>>16) + uint32(s&0xffff))
}

// Fold reduces a sum of a few 16-bit words to 16 bits.
func Fold(s uint32) uint16 {
	s = s>>16 + s&0xffff
	return uint16(s>>16 + s)
}

// PseudoSum is the sum of the pseudo-header of TCP and UDP over IPv4 (RFC 9293
// §3.1, RFC 768). Addresses in host order, length in bytes of header and data.
func PseudoSum(src, dst uint32, proto uint8, length uint16) uint16 {
	return Fold(src>>16 + src&0xffff + dst>>16 + dst&0xffff + uint32(proto) + uint32(length))
}

// Delta is the change that rewriting words of a packet makes to a checksum
// over them, gathered once and applied to each checksum that covers the words
// (RFC 1624, equation 3). The zero Delta changes nothing. It has room for
// millions of words.
//
// Words of 32 bits count as they are: 2^16 is 1 in ones' complement arithmetic
// of 16 bits, so the halves add up when the sum is folded.
type Delta uint64

// Replace16 adds the change of one 16-bit word.
func (d Delta) Replace16(from, to uint16) Delta { return d + Delta(^from) + Delta(to) }

// Replace32 adds the change of one 32-bit word, such as an IPv4 address.
func (d Delta) Replace32(from, to uint32) Delta { return d + Delta(^from) + Delta(to) }

// Apply returns checksum field c (as it stands in a header, inverted) after
// the change. A checksum that was wrong stays wrong by the same amount.
func (d Delta) Apply(c uint16) uint16 {
	s := uint64(d) + uint64(^c)
	// A sum of both halves of a word, in its upper half, with the carry of the
	// lower one: once for 64 bits, once for 32.
	t := uint32((s + bits.RotateLeft64(s, 32)) >> 32)
	return ^uint16((t + bits.RotateLeft32(t, 16)) >> 16)
}
