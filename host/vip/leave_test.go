package vip_test

import (
	"net/netip"
	"testing"

	"director/host/vip"
)

// Leave removes what would otherwise stay for ever. It keeps the addresses, which the next
// director takes over.
func TestLeave_LeavesOnlyWhatEndsByItself(t *testing.T) {
	n, _ := office(t)
	c := vip.Config{VIPs: []netip.Addr{service}, Prefixes: []netip.Prefix{marked}}
	if err := hold(t, c).Leave(); err != nil {
		t.Fatal(err)
	}
	checkAddrs(t, n, "front", "192.0.2.1/24", "192.0.2.10/32")
	checkLocal(t, n)
	next := hold(t, c)
	checkAddrs(t, n, "front", "192.0.2.1/24", "192.0.2.10/32")
	checkLocal(t, n, marked.String())
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	checkAddrs(t, n, "front", "192.0.2.1/24")
}

func TestLeave_AfterItsInterfaceIsGone(t *testing.T) {
	n, _ := office(t)
	h := hold(t, vip.Config{VIPs: []netip.Addr{service}})
	if err := n.LinkDel(n.Link(t, "front")); err != nil {
		t.Fatal(err)
	}
	if err := h.Leave(); err != nil {
		t.Error(err)
	}
}
