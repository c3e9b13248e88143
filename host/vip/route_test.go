package vip_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/host/vip"
	"director/internal/nettest"
)

// marked is the prefix of a firewall mark.
var marked = netip.MustParsePrefix("203.0.113.0/24")

// localRoutes returns the local routes to more than one address, without that of the
// loopback interface.
func localRoutes(t *testing.T, n *nettest.Namespace) []string {
	t.Helper()
	list, err := n.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL},
		netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, r := range list {
		if bits, _ := r.Dst.Mask.Size(); bits < 32 && !r.Dst.IP.IsLoopback() {
			s = append(s, r.Dst.String())
		}
	}
	return s
}

func checkLocal(t *testing.T, n *nettest.Namespace, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, localRoutes(t, n)); d != "" {
		t.Errorf("local routes (-want +got):\n%s", d)
	}
}

func TestHold_MakesAPrefixLocalAndRemovesIt(t *testing.T) {
	n, _ := office(t)
	h := hold(t, vip.Config{Prefixes: []netip.Prefix{marked}, First: "back"})
	checkLocal(t, n, "203.0.113.0/24")
	checkAddrs(t, n, "front", "192.0.2.1/24")
	routes, err := n.RouteGet([]byte{203, 0, 113, 77})
	if err != nil || len(routes) != 1 || routes[0].Type != unix.RTN_LOCAL {
		t.Errorf("the way to 203.0.113.77: %v, %v, want it local", routes, err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	checkLocal(t, n)
}

func TestHold_NeverTouchesALocalRouteThatWasThere(t *testing.T) {
	n, _ := office(t)
	dst, _ := netlink.ParseIPNet(marked.String())
	theirs := &netlink.Route{
		Dst: dst, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST,
		Protocol: unix.RTPROT_STATIC, LinkIndex: n.Link(t, "lo").Attrs().Index, Priority: 7,
	}
	if err := n.RouteAdd(theirs); err != nil {
		t.Fatal(err)
	}
	h := hold(t, vip.Config{Prefixes: []netip.Prefix{marked}})
	checkLocal(t, n, "203.0.113.0/24")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	checkLocal(t, n, "203.0.113.0/24")
}

func TestHold_NeverHidesARouteThatWasThere(t *testing.T) {
	n, _ := office(t)
	n.Route(t, "198.51.100.128/25", "192.0.2.254")
	n.Route(t, "0.0.0.0/0", "192.0.2.254")
	h := hold(t, vip.Config{Prefixes: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"),    // the subnet of front
		netip.MustParsePrefix("198.51.100.0/24"), // holds a network behind a gateway
		netip.MustParsePrefix("0.0.0.0/0"),
		netip.MustParsePrefix("192.0.2.16/28"), // a part of a subnet
		netip.MustParsePrefix("198.51.100.192/26"),
	}})
	defer h.Close()
	checkLocal(t, n, "192.0.2.16/28", "198.51.100.192/26")
}

func TestHold_TakesOverALocalRouteFromADirectorThatWasKilled(t *testing.T) {
	n, _ := office(t)
	hold(t, vip.Config{Prefixes: []netip.Prefix{marked}}) // never closed
	h := hold(t, vip.Config{Prefixes: []netip.Prefix{marked}})
	checkLocal(t, n, "203.0.113.0/24")
	h.Close()
	checkLocal(t, n)
}

func TestHold_LeavesNothingWhenARouteFails(t *testing.T) {
	n, _ := office(t)
	bad := netip.MustParsePrefix("203.0.113.7/24") // has host bits
	_, err := vip.Hold(vip.Config{VIPs: []netip.Addr{service}, Prefixes: []netip.Prefix{marked, bad}})
	if err == nil || !strings.Contains(err.Error(), "add local route 203.0.113.7/24") {
		t.Errorf("got %v, want an error that names the prefix", err)
	}
	checkLocal(t, n)
	checkAddrs(t, n, "front", "192.0.2.1/24")
}

func TestHolder_RefreshesItsLocalRoutes(t *testing.T) {
	n, _ := office(t)
	h := hold(t, vip.Config{Prefixes: []netip.Prefix{marked}})
	h.RefreshEvery(5 * time.Millisecond)
	stop := run(t, h)
	dst, _ := netlink.ParseIPNet(marked.String())
	if err := n.RouteDel(&netlink.Route{Dst: dst, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_NOWHERE}); err != nil {
		t.Fatal(err)
	}
	nettest.Eventually(t, "the route comes back", func() bool { return len(localRoutes(t, n)) == 1 })
	stop()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	checkLocal(t, n)
}
