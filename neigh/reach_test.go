package neigh_test

import (
	"testing"

	"director/neigh"
	"director/packet"
)

// A server is unreachable if there is no route, if its link is down, or if its next hop is
// silent. A next hop that is only not resolved yet does not make it so.
func TestUnreachable_NamesTheReason(t *testing.T) {
	const resolved, unresolved, silent, far, local, elsewhere = "10.0.0.11", "10.0.0.12", "10.0.0.13", "198.51.100.1", "10.0.0.1", "172.16.0.9"
	for _, c := range []struct {
		what   string
		change func(*neigh.Snapshot)
		want   map[string]packet.Reason // of those that are unreachable
	}{
		{"a silent neighbour", func(*neigh.Snapshot) {}, map[string]packet.Reason{silent: packet.Neighbor}},
		{"none is silent", func(s *neigh.Snapshot) { s.Silent = nil }, nil},
		{"the same address on another link", func(s *neigh.Snapshot) { s.Silent[0].Link = 2 }, nil},
		{"a silent gateway", func(s *neigh.Snapshot) { s.Silent[0].IP = ip("10.0.0.254") }, map[string]packet.Reason{far: packet.Neighbor}},
		{"a silent neighbour that is resolved all the same", func(s *neigh.Snapshot) { s.Silent[0].IP = ip(resolved) }, nil},
		{"the link is down", func(s *neigh.Snapshot) { s.Links[2].Up = false }, map[string]packet.Reason{
			resolved: packet.LinkDown, unresolved: packet.LinkDown, silent: packet.LinkDown, far: packet.LinkDown,
		}},
		{"no route", func(s *neigh.Snapshot) { s.Routes = s.Routes[:0] }, map[string]packet.Reason{
			resolved: packet.NoRoute, unresolved: packet.NoRoute, silent: packet.NoRoute, far: packet.NoRoute,
		}},
	} {
		s := office()
		s.Silent = []neigh.Silent{{IP: ip(silent), Link: 3}}
		c.change(&s)
		names := []string{resolved, unresolved, silent, far, local}
		servers := []packet.Addr{{}} // a number that is free
		for _, n := range names {
			servers = append(servers, packet.MustAddr(n))
		}
		for _, table := range []*neigh.Table{neigh.New(s, servers), neigh.New(s, servers).Unmarked()} {
			for i, n := range names {
				if got := table.Unreachable(uint32(i + 1)); got != c.want[n] {
					t.Errorf("%s: %s: %v, want %v", c.what, n, got, c.want[n])
				}
			}
			if table.AllReachable() != (len(c.want) == 0) {
				t.Errorf("%s: AllReachable is %v", c.what, table.AllReachable())
			}
		}
	}
	if got := neigh.New(office(), []packet.Addr{packet.MustAddr(elsewhere)}).Unreachable(0); got != packet.NoRoute {
		t.Errorf("behind an interface that is not served: %v, want %v", got, packet.NoRoute)
	}
}
