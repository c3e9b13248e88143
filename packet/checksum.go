package packet

import (
	"encoding/binary"
	"math/bits"
)

// This file implements the checksum arithmetic of the Internet protocols (RFC 1071).
// Sums are 16-bit ones' complement numbers that are not inverted yet.

// Sum adds the bytes of b, as big-endian 16-bit words, to sum. An odd last byte
// counts as the upper half of a word.
func Sum(b []byte, sum uint32) uint16 {
	var acc, carry uint64
	for len(b) >= 32 { // the carry stays in the processor's flag between the four words
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b), carry)
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b[8:]), carry)
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b[16:]), carry)
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b[24:]), carry)
		b = b[32:]
	}
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

// PseudoSum returns the sum of the pseudo-header of TCP and UDP over IPv4 (RFC 9293
// §3.1, RFC 768). Addresses are in host order. length counts the bytes of the
// transport header and the data.
func PseudoSum(src, dst uint32, proto uint8, length uint16) uint16 {
	return Fold(src>>16 + src&0xffff + dst>>16 + dst&0xffff + uint32(proto) + uint32(length))
}

// Delta is the change of a checksum that results from changed words in a packet
// (RFC 1624, equation 3). It is computed once and applied to each checksum that
// covers the words. The zero Delta changes nothing. A Delta can hold millions of
// words.
//
// A 32-bit word is added without splitting it: 2^16 equals 1 in the ones' complement
// arithmetic of 16 bits, so folding the sum adds both halves.
type Delta uint64

// Replace16 adds the change of one 16-bit word.
func (d Delta) Replace16(from, to uint16) Delta { return d + Delta(^from) + Delta(to) }

// Replace32 adds the change of one 32-bit word, such as an IPv4 address.
func (d Delta) Replace32(from, to uint32) Delta { return d + Delta(^from) + Delta(to) }

// Apply returns the checksum field c after the change. c is inverted, as it is in a
// header. A checksum that was wrong stays wrong by the same amount.
func (d Delta) Apply(c uint16) uint16 {
	s := uint64(d) + uint64(^c)
	// Adding a word to itself with its halves exchanged leaves the sum of both
	// halves, carry included, in the upper half. This is done for 64 bits, then
	// for 32.
	t := uint32((s + bits.RotateLeft64(s, 32)) >> 32)
	return ^uint16((t + bits.RotateLeft32(t, 16)) >> 16)
}
