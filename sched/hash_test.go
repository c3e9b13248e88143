package sched_test

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"testing"

	"director/packet"
	"director/sched"
)

func TestHash32_GivesTheKernelsBuckets(t *testing.T) {
	for _, c := range []struct {
		addr                string
		eight, port40k, ten uint32
	}{
		{"10.0.0.1", 39, 203, 159},
		{"10.0.0.2", 137, 45, 550},
		{"192.168.1.100", 89, 253, 357},
		{"203.0.113.7", 124, 32, 499},
	} {
		a := packet.MustAddr(c.addr)
		if got := sched.Hash32(a, 0, 8); got != c.eight {
			t.Errorf("%s in 8 bits: got %d, want %d", a, got, c.eight)
		}
		if got := sched.Hash32(a, 40000, 8); got != c.port40k {
			t.Errorf("%s with port 40000 in 8 bits: got %d, want %d", a, got, c.port40k)
		}
		if got := sched.Hash32(a, 0, 10); got != c.ten {
			t.Errorf("%s in 10 bits: got %d, want %d", a, got, c.ten)
		}
	}
	// The words of an IPv6 address are added without carry: 10.0.0.1 again.
	if got := sched.Hash32(packet.MustAddr("fa00:1::f000:0:0:0"), 0, 8); got != 39 {
		t.Errorf("an IPv6 address: got %d, want 39", got)
	}
}

func TestMaglev_GivesTheKernelsSlots(t *testing.T) {
	for _, c := range []struct {
		addr         string
		offset, skip uint32
	}{
		{"10.0.0.1", 3167, 700},
		{"10.0.0.2", 1231, 3544},
	} {
		if offset, skip := sched.MaglevSeat(packet.MustAddr(c.addr), 80); offset != c.offset || skip != c.skip {
			t.Errorf("%s:80 begins at %d in steps of %d, want %d and %d", c.addr, offset, skip, c.offset, c.skip)
		}
	}
	for addr, want := range map[string]uint32{"10.0.0.1": 3711, "192.168.1.100": 1341} {
		if got := sched.MaglevSlot(packet.MustAddr(addr)); got != want {
			t.Errorf("client %s: slot %d, want %d", addr, got, want)
		}
	}
}

// The clients of a server that was given weight 0 are the ones who need the
// flag: mh keeps its slots.
func TestHashSchedulers_LeadFortyClientsByTheFormula(t *testing.T) {
	for _, name := range []string{"sh", "mh"} {
		for flags := range sched.Flags(4) {
			for _, drained := range []bool{false, true} {
				v, head := newService(t, name, flags<<3, 1, 2, 3), newRing()
				for i := range v.list {
					s := &v.list[len(v.list)-1-i]
					head.insert(&dest{addr: s.Addr, port: s.Port, weight: int64(s.Weight), last: int64(s.Weight), load: s.Load})
				}
				m := newModel(name, flags<<3, head, nil)
				if drained {
					v.edit(3, 0)
					head.next.weight = 0
					m.edited(head.next)
				}
				none := 0
				for n := range uint32(40) {
					f := &packet.Flow{Src: packet.AddrFrom4(0x0a000132 + n), SrcPort: uint16(40000 + n)}
					want := m.pick(f, 0)
					got, ok := v.Pick(f, 0, v.list, &v.pos)
					if ok != (want != nil) || ok && v.list[got].Load != want.load {
						t.Errorf("%s %#x: client %v goes to %d %v, want %v", name, flags<<3, f.Src, got, ok, want)
					}
					if !ok {
						none++
					}
				}
				if lost := drained && flags<<3&sched.Fallback == 0; lost != (none > 0) {
					t.Errorf("%s %#x, drained %v: %d clients without a server", name, flags<<3, drained, none)
				}
			}
		}
	}
}

func TestDestinationHash_LeadsAServiceToOneServer(t *testing.T) {
	v := newService(t, "dh", 0, 1, 0, 9)
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		vip  string
		want int // index into the list 3, 2, 1
		ok   bool
	}{
		{"10.0.0.1", 39 % 3, true},
		{"10.0.0.2", 137 % 3, true},
		{"203.0.113.7", 124 % 3, false}, // server 2 has weight 0
	} {
		for range 10 {
			f := randomFlow(r)
			f.Dst = packet.MustAddr(c.vip)
			if got, ok := v.Pick(f, 0, v.list, &v.pos); ok != c.ok || ok && got != c.want {
				t.Errorf("%s: got %d %v, want %d %v", c.vip, got, ok, c.want, c.ok)
			}
		}
	}
}

// sipHash is SipHash-1-3 of any message, step by step as in the paper.
func sipHash(k0, k1 uint64, message []byte) uint64 {
	v := [4]uint64{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	round := func() {
		v[0] += v[1]
		v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
		v[0] = bits.RotateLeft64(v[0], 32)
		v[2] += v[3]
		v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
		v[0] += v[3]
		v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
		v[2] += v[1]
		v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
		v[2] = bits.RotateLeft64(v[2], 32)
	}
	padded := append([]byte{}, message...)
	for len(padded)%8 != 7 {
		padded = append(padded, 0)
	}
	padded = append(padded, byte(len(message)))
	for ; len(padded) > 0; padded = padded[8:] {
		word := binary.LittleEndian.Uint64(padded)
		v[3] ^= word
		round()
		v[0] ^= word
	}
	v[2] ^= 0xff
	for range 3 {
		round()
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}
