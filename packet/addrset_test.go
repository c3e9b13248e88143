package packet_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"director/packet"
)

func TestAddrSet_HasWhatWasAdded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		set := packet.NewAddrSet(n)
		want := map[packet.Addr]bool{}
		var asked []packet.Addr
		for range n {
			a := packet.AddrFrom4(10<<24 | r.Uint32N(1000)<<8)
			if r.IntN(4) == 0 {
				a = packet.Addr{Hi: 0x20010db8 << 32, Lo: r.Uint64N(1000)}
			}
			set.Add(a)
			want[a] = true
			asked = append(asked, a, packet.Addr{Hi: a.Hi, Lo: a.Lo + 1}, packet.Addr{Hi: a.Hi + 1, Lo: a.Lo})
		}
		for _, a := range asked {
			if set.Has(a) != want[a] {
				t.Fatalf("set of %d: %v: got %v, want %v", n, a, set.Has(a), want[a])
			}
		}
		if set.Has(packet.Addr{}) {
			t.Fatalf("set of %d has the zero address", n)
		}
		all := set.All()
		if len(all) != len(want) || slices.ContainsFunc(all, func(a packet.Addr) bool { return !want[a] }) {
			t.Fatalf("set of %d: %d members, want %d", n, len(all), len(want))
		}
	}
}

// The sets of services and of local addresses are read for every packet.
func BenchmarkAddrSet(b *testing.B) {
	set := packet.NewAddrSet(16)
	for i := range uint32(16) {
		set.Add(packet.AddrFrom4(10<<24 + i))
	}
	for name, first := range map[string]string{"member": "10.0.0.0", "other": "198.51.100.0"} {
		b.Run(name, func(b *testing.B) {
			base, n := packet.AddrFrom(netip.MustParseAddr(first)).V4(), 0
			for i := uint32(0); b.Loop(); i++ {
				if set.Has(packet.AddrFrom4(base + i%16)) {
					n++
				}
			}
			if (n > 0) != (name == "member") {
				b.Fatalf("%d members found", n)
			}
		})
	}
}
