package neigh_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"director/neigh"
	"director/packet"
)

// Compares Route with a search of all routes, for routes of all lengths and addresses of
// all kinds. Most addresses match only the default route, and some tables have none.
func TestRoute_OfAddressesNearAndFar(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 50 {
		s := neigh.Snapshot{Links: []neigh.Link{{Index: 1, MTU: 1500, Up: true}}}
		for i := range random.IntN(12) {
			p := netip.PrefixFrom(packet.AddrFrom4(random.Uint32()).Netip(), random.IntN(33)).Masked()
			if p.Bits() == 0 && round%2 == 0 {
				continue
			}
			s.Routes = append(s.Routes, neigh.Route{
				Dst: p, Link: 1, Gateway: packet.AddrFrom4(uint32(10<<24 + i)).Netip(), Metric: i,
			})
		}
		table := neigh.New(s, nil)
		for range 2000 {
			a := packet.AddrFrom4(random.Uint32())
			if n := len(s.Routes); n > 0 && random.IntN(2) == 0 { // the edges of a route
				dst := s.Routes[random.IntN(n)].Dst
				first := packet.AddrFrom(dst.Addr()).V4()
				last := first | uint32(1<<(32-dst.Bits())-1)
				a = packet.AddrFrom4([]uint32{first - 1, first, last, last + 1}[random.IntN(4)])
			}
			if want, got := model(s, a.Netip()), table.Route(a); got.Via != want.Via || got.Reason != want.Reason {
				if a.V4()>>24 == 127 {
					continue // is never sent to a network
				}
				t.Fatalf("round %d: %v by %v (%v), want %v (%v) of %v", round, a, got.Via, got.Reason, want.Via, want.Reason, s.Routes)
			}
		}
	}
}
