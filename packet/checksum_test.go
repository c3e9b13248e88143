package packet_test

import (
	"math/rand/v2"
	"testing"

	"director/packet"
)

// sumRef computes the sum of RFC 1071 word by word.
func sumRef(b []byte, sum uint32) uint16 {
	s := uint64(sum)
	for i := 0; i < len(b); i += 2 {
		w := uint64(b[i]) << 8
		if i+1 < len(b) {
			w |= uint64(b[i+1])
		}
		s += w
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestSum_AgreesWithTheWordByWordSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 1600)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	for n := range len(b) {
		off := r.IntN(16)
		if off > n {
			off = n
		}
		initial := r.Uint32() >> 8
		// 0 and 0xffff are the same number in ones' complement.
		if got, want := packet.Sum(b[off:n], initial), sumRef(b[off:n], initial); got%0xffff != want%0xffff {
			t.Fatalf("Sum of bytes %d to %d = %#04x, want %#04x", off, n, got, want)
		}
	}
	all := make([]byte, 64)
	for i := range all {
		all[i] = 0xff
	}
	if got := packet.Sum(all, 0xffff); got != 0xffff {
		t.Errorf("Sum of ones = %#04x, want 0xffff", got)
	}
}

func TestDelta_MovesAChecksumLikeARecomputation(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		b := make([]byte, 20)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if r.IntN(8) == 0 {
			clear(b[:r.IntN(20)]) // with words of zero, the result may be either zero of ones' complement
		}
		before := ^packet.Sum(b, 0)
		from := uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7])
		fromPort := uint16(b[8])<<8 | uint16(b[9])
		to, toPort := r.Uint32(), uint16(r.Uint32())
		b[4], b[5], b[6], b[7] = byte(to>>24), byte(to>>16), byte(to>>8), byte(to)
		b[8], b[9] = byte(toPort>>8), byte(toPort)
		got := packet.Delta(0).Replace32(from, to).Replace16(fromPort, toPort).Apply(before)
		if want := ^packet.Sum(b, 0); got%0xffff != want%0xffff {
			t.Fatalf("checksum %#04x became %#04x, recomputed %#04x", before, got, want)
		}
	}
}

func TestChecksumOK_AgreesWithTheSum(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 100_000 {
		h := make(packet.IPv4, 20+4*r.IntN(11))
		for i := range h {
			h[i] = byte(r.Uint32())
		}
		h[0] = byte(4<<4 | len(h)/4)
		h.SetChecksum(0)
		h.SetChecksum(^packet.Sum(h, 0))
		if !h.ChecksumOK() {
			t.Fatalf("header %d of %d bytes: the correct checksum was refused", n, len(h))
		}
		at := r.IntN(len(h)-1) + 1
		was := h[at]
		h[at] += byte(1 + r.IntN(254))
		if h.ChecksumOK() {
			t.Fatalf("header %d: ChecksumOK after byte %d changed from %#02x to %#02x", n, at, was, h[at])
		}
	}
}
