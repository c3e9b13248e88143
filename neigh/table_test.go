package neigh_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/neigh"
	"director/packet"
)

var (
	mac0    = packet.MAC{2, 0, 0, 0, 0, 1}
	mac1    = packet.MAC{2, 0, 0, 0, 0, 2}
	gateMAC = packet.MAC{2, 0, 0, 0, 9, 9}
	webMAC  = packet.MAC{2, 0, 0, 0, 1, 1}
)

func ip(s string) netip.Addr       { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// office is the network of a director with two interfaces for traffic and a third one for
// management.
func office() neigh.Snapshot {
	return neigh.Snapshot{
		Links: []neigh.Link{
			{Name: "lo", Index: 1, Interface: -1, MTU: 65536, Up: true, Addrs: []netip.Prefix{prefix("127.0.0.1/8")}},
			{Name: "eth0", Index: 2, Interface: 0, MAC: mac0, MTU: 1500, Up: true,
				Addrs: []netip.Prefix{prefix("192.0.2.1/24"), prefix("192.0.2.10/32")}},
			{Name: "eth1", Index: 3, Interface: 1, MAC: mac1, MTU: 1400, Up: true, Addrs: []netip.Prefix{prefix("10.0.0.1/24")}},
			{Name: "mgmt", Index: 4, Interface: -1, MTU: 1500, Up: true, Addrs: []netip.Prefix{prefix("172.16.0.1/24")}},
		},
		Routes: []neigh.Route{
			{Dst: prefix("0.0.0.0/0"), Gateway: ip("192.0.2.254"), Link: 2},
			{Dst: prefix("192.0.2.0/24"), Link: 2, Source: ip("192.0.2.1")},
			{Dst: prefix("10.0.0.0/24"), Link: 3, Source: ip("10.0.0.1")},
			{Dst: prefix("172.16.0.0/12"), Link: 4},
			{Dst: prefix("198.51.100.0/24"), Gateway: ip("10.0.0.254"), Link: 3, MTU: 1300},
		},
		Neighbors: []neigh.Neighbor{
			{IP: ip("192.0.2.254"), MAC: gateMAC, Link: 2},
			{IP: ip("10.0.0.11"), MAC: webMAC, Link: 3},
		},
	}
}

func TestTable_RoutesByGatewayAndOnLink(t *testing.T) {
	tab := neigh.New(office(), nil)
	for _, c := range []struct {
		dst  string
		want neigh.Hop
	}{
		{"203.0.113.5", neigh.Hop{Dst: gateMAC, Src: mac0, MTU: 1500,
			Source: packet.MustAddr("192.0.2.1"), Via: packet.MustAddr("192.0.2.254")}},
		{"10.0.0.11", neigh.Hop{Dst: webMAC, Src: mac1, Interface: 1, MTU: 1400,
			Source: packet.MustAddr("10.0.0.1"), Via: packet.MustAddr("10.0.0.11")}},
		{"10.0.0.12", neigh.Hop{Src: mac1, Interface: 1, MTU: 1400, Reason: packet.Neighbor,
			Source: packet.MustAddr("10.0.0.1")}},
		{"198.51.100.1", neigh.Hop{Src: mac1, Interface: 1, MTU: 1300, Reason: packet.Neighbor,
			Source: packet.MustAddr("10.0.0.1"), Via: packet.MustAddr("10.0.0.254")}},
		{"172.17.0.1", neigh.Hop{Reason: packet.NoRoute}},
		{"192.0.2.10", neigh.Hop{Reason: packet.NoRoute}},
		{"127.0.0.9", neigh.Hop{Reason: packet.NoRoute}},
	} {
		if d := cmp.Diff(c.want, *tab.Route(packet.MustAddr(c.dst))); d != "" {
			t.Errorf("Route(%s) (-want +got):\n%s", c.dst, d)
		}
	}
}

func TestTable_SaysLinkDown(t *testing.T) {
	s := office()
	s.Links[2].Up = false
	tab := neigh.New(s, []packet.Addr{packet.MustAddr("10.0.0.11")})
	for _, dst := range []string{"10.0.0.11", "10.0.0.12", "198.51.100.1"} {
		if got := tab.Route(packet.MustAddr(dst)).Reason; got != packet.LinkDown {
			t.Errorf("Route(%s).Reason = %v, want %v", dst, got, packet.LinkDown)
		}
	}
	if got := tab.Server(0); got.Reason != packet.LinkDown || got.Via != packet.MustAddr("10.0.0.11") {
		t.Errorf("Server(0) = %+v, want link-down via 10.0.0.11", *got)
	}
	if ifaces := tab.Interfaces(); len(ifaces) != 2 || !ifaces[0].Up || ifaces[1].Up || ifaces[1].MAC != mac1 {
		t.Errorf("Arms() = %+v, want eth0 up and eth1 down", ifaces)
	}
}

func TestTable_KnowsItsServers(t *testing.T) {
	tab := neigh.New(office(), []packet.Addr{
		packet.MustAddr("10.0.0.11"),
		packet.MustAddr("10.0.0.12"),
		packet.MustAddr("198.51.100.7"),
		packet.MustAddr("172.16.0.9"),
		packet.MustAddr("127.0.0.1"),
		packet.MustAddr("172.16.0.1"),
	})
	for id, want := range []struct {
		reason packet.Reason
		via    packet.Addr
		mac    packet.MAC
	}{
		{packet.None, packet.MustAddr("10.0.0.11"), webMAC},
		{packet.Neighbor, packet.MustAddr("10.0.0.12"), packet.MAC{}},
		{packet.Neighbor, packet.MustAddr("10.0.0.254"), packet.MAC{}},
		{packet.NoRoute, packet.Addr{}, packet.MAC{}},
		{packet.LocalServer, packet.Addr{}, packet.MAC{}},
		{packet.LocalServer, packet.Addr{}, packet.MAC{}},
	} {
		got := tab.Server(uint32(id))
		if got.Reason != want.reason || got.Via != want.via || got.Dst != want.mac {
			t.Errorf("Server(%d) = %+v, want %+v", id, *got, want)
		}
	}
}

func TestTable_PrefersLowerMetricThenFirst(t *testing.T) {
	s := office()
	s.Routes = append(s.Routes,
		neigh.Route{Dst: prefix("0.0.0.0/0"), Gateway: ip("10.0.0.11"), Link: 3, Metric: 100},
		neigh.Route{Dst: prefix("100.64.0.0/10"), Gateway: ip("192.0.2.254"), Link: 2, Metric: 20},
		neigh.Route{Dst: prefix("100.64.0.0/10"), Gateway: ip("10.0.0.11"), Link: 3, Metric: 10},
		neigh.Route{Dst: prefix("100.64.0.0/10"), Gateway: ip("10.0.0.77"), Link: 3, Metric: 10},
	)
	tab := neigh.New(s, nil)
	for dst, want := range map[string]string{"8.8.8.8": "192.0.2.254", "100.64.1.1": "10.0.0.11"} {
		if got := tab.Route(packet.MustAddr(dst)).Via; got != packet.MustAddr(want) {
			t.Errorf("Route(%s).Via = %v, want %s", dst, got, want)
		}
		if l, ok := s.Egress(ip(dst)); !ok || l.Index != tab.Interfaces()[tab.Route(packet.MustAddr(dst)).Interface].Index {
			t.Errorf("Egress(%s) = %v, %v; differs from Route", dst, l.Name, ok)
		}
	}
}

func TestTable_KnowsLocalAddresses(t *testing.T) {
	tab := neigh.New(office(), nil)
	for a, want := range map[string]bool{
		"192.0.2.1": true, "192.0.2.10": true, "172.16.0.1": true, "127.0.0.1": true, "127.9.9.9": true,
		"192.0.2.2": false, "0.0.0.0": false, "::": false,
	} {
		if got := tab.Local(packet.MustAddr(a)); got != want {
			t.Errorf("Local(%s) = %v, want %v", a, got, want)
		}
	}
	if neigh.New(neigh.Snapshot{}, nil).Local(packet.MustAddr("192.0.2.1")) {
		t.Error("an empty host has a local address")
	}
}

func TestSnapshot_EgressNamesLinksThatAreNoInterfaces(t *testing.T) {
	s := office()
	for a, want := range map[string]string{"172.17.0.1": "mgmt", "10.0.0.5": "eth1", "192.0.2.10": "eth0", "9.9.9.9": "eth0"} {
		if l, ok := s.Egress(ip(a)); !ok || l.Name != want {
			t.Errorf("Egress(%s) = %s, %v; want %s", a, l.Name, ok, want)
		}
	}
	if _, ok := (neigh.Snapshot{}).Egress(ip("10.0.0.5")); ok {
		t.Error("an empty host reaches 10.0.0.5")
	}
}

func TestHop_MarkOutlivesTables(t *testing.T) {
	s := office()
	mark := new(neigh.Mark)
	s.Neighbors[1].Used = mark
	web := packet.MustAddr("10.0.0.11")
	old, renewed := neigh.New(s, []packet.Addr{web}), neigh.New(s, nil)
	if mark.Take() {
		t.Fatal("a fresh mark says it was used")
	}
	for name, h := range map[string]*neigh.Hop{"old": old.Route(web), "server": old.Server(0), "renewed": renewed.Route(web)} {
		h.Touch()
		h.Touch()
		if !mark.Take() || mark.Take() {
			t.Errorf("%s hop: the mark is not taken exactly once", name)
		}
	}
	old.Route(packet.MustAddr("9.9.9.9")).Touch() // a hop without a mark
}

func TestTable_DoesNotAllocate(t *testing.T) {
	tab := neigh.New(office(), []packet.Addr{packet.MustAddr("10.0.0.11")})
	dsts := []packet.Addr{packet.MustAddr("9.9.9.9"), packet.MustAddr("10.0.0.11"),
		packet.MustAddr("10.0.0.12"), packet.MustAddr("172.16.0.5"), packet.MustAddr("2001:db8::1")}
	if n := testing.AllocsPerRun(100, func() {
		for _, d := range dsts {
			h := tab.Route(d)
			h.Touch()
			_ = h.NextHop(d)
			_ = tab.Local(d)
		}
		_ = tab.Server(0)
	}); n != 0 {
		t.Errorf("%v allocations per look-up, want 0", n)
	}
}
