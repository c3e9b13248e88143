package sched

import (
	"math/bits"

	"director/packet"
)

// fold makes one word of an address, in host order: the IPv4 address itself, or
// the four words of an IPv6 address added without carry.
func fold(a packet.Addr) uint32 {
	if a.Is4() {
		return a.V4()
	}
	x := a.Hi ^ a.Lo
	return uint32(x>>32) ^ uint32(x)
}

// client makes one word of who sends a flow: its address and, with the flag
// Port, its port. addr and port stay apart because mh adds them later.
func client(flow *packet.Flow, flags Flags) (addr, port uint32) {
	if flags&Port != 0 {
		port = uint32(flow.SrcPort)
	}
	return fold(flow.Src), port
}

// hash32 is the kernel's multiplicative hash (linux/hash.h): n bits out of x
// times 2^32 divided by the golden ratio's square.
func hash32(x uint32, n int) uint32 { return x * 0x61c88647 >> (32 - n) }

// sipHash13 is SipHash-1-3 (Aumasson and Bernstein, 2012) of the four bytes of
// x, little-endian, under a key both of whose halves are k, cut to 32 bits. The
// kernel's hsiphash_1u32 is this on 64-bit machines.
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
