package neigh_test

import (
	"net/netip"
	"testing"

	"director/neigh"
	"director/packet"
)

func TestUnmarked_AnswersAlikeAndLeavesNoWord(t *testing.T) {
	var used neigh.Mark
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	original := neigh.New(neigh.Snapshot{
		Links:  []neigh.Link{{Name: "eth0", Index: 2, MAC: packet.MAC{2, 1}, MTU: 1500, Up: true, Addrs: []netip.Prefix{prefix("10.0.0.1/24")}}},
		Routes: []neigh.Route{{Dst: prefix("10.0.0.0/24"), Link: 2}, {Dst: prefix("0.0.0.0/0"), Gateway: addr("10.0.0.254"), Link: 2}},
		Neighbors: []neigh.Neighbor{
			{IP: addr("10.0.0.11"), MAC: packet.MAC{2, 11}, Link: 2, Used: &used},
			{IP: addr("10.0.0.254"), MAC: packet.MAC{2, 254}, Link: 2, Used: &used},
		},
	}, []packet.Addr{packet.MustAddr("10.0.0.11")})
	quiet := original.Unmarked()
	same := func(a, b *neigh.Hop) bool {
		x := *a
		x.Used = nil
		return x == *b
	}
	for _, a := range []string{"10.0.0.11", "10.0.0.12", "10.0.0.1", "198.51.100.7", "127.0.0.1"} {
		want, got := original.Route(packet.MustAddr(a)), quiet.Route(packet.MustAddr(a))
		if !same(want, got) {
			t.Errorf("%s: got %+v, want %+v", a, got, want)
		}
		if got.Touch(); used.Take() {
			t.Errorf("%s: the neighbour is marked as used", a)
		}
	}
	if !same(original.Server(0), quiet.Server(0)) {
		t.Errorf("server: got %+v, want %+v", quiet.Server(0), original.Server(0))
	}
	if quiet.Server(0).Touch(); used.Take() {
		t.Error("the server is marked as used")
	}
	if !quiet.Local(packet.MustAddr("10.0.0.1")) || quiet.Local(packet.MustAddr("10.0.0.2")) {
		t.Error("other addresses are the host's own")
	}
}
