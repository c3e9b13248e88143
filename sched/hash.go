package sched

import (
	"math/bits"

	"director/packet"
)

// fold converts an address to one word in host order: the IPv4 address itself, or the
// exclusive or of the four words of an IPv6 address.
func fold(a packet.Addr) uint32 {
	if a.Is4() {
		return a.V4()
	}
	x := a.Hi ^ a.Lo
	return uint32(x>>32) ^ uint32(x)
}

// client returns the parts of a flow's source that are hashed: the address and, with
// the flag Port, the port. They are separate because mh adds them later.
func client(flow *packet.Flow, flags Flags) (addr, port uint32) {
	if flags&Port != 0 {
		port = uint32(flow.SrcPort)
	}
	return fold(flow.Src), port
}

// hash32 is the kernel's multiplicative hash (linux/hash.h): the upper n bits of the
// lower word of x times 2^32 divided by the square of the golden ratio.
func hash32(x uint32, n int) uint32 { return x * 0x61c88647 >> (32 - n) }

// sipHash13 returns the lower 32 bits of SipHash-1-3 (Aumasson and Bernstein, 2012) of
// the four bytes of x in little-endian order. Both halves of the key are k. It is the
// kernel's hsiphash_1u32 on 64-bit machines.
func sipHash13(x uint32, k uint64) uint32 {
	v0, v1 := k^0x736f6d6570736575, k^0x646f72616e646f6d // "somepseudorandomlygeneratedbytes"
	v2, v3 := k^0x6c7967656e657261, k^0x7465646279746573
	last := 4<<56 | uint64(x) // the only block: the length, and all four bytes
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3^last)
	v0, v2 = v0^last, v2^0xff
	for range 3 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return uint32(v0 ^ v1 ^ v2 ^ v3)
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0, v2 = v0+v1, v2+v3
	v1, v3 = bits.RotateLeft64(v1, 13)^v0, bits.RotateLeft64(v3, 16)^v2
	v0, v2 = bits.RotateLeft64(v0, 32)+v3, v2+v1
	v1, v3 = bits.RotateLeft64(v1, 17)^v2, bits.RotateLeft64(v3, 21)^v0
	return v0, v1, bits.RotateLeft64(v2, 32), v3
}
