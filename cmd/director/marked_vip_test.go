//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/internal/lab"
	"director/internal/lab/process"
)

// The addresses of a firewall mark: many, and one. The clients' default route
// leads to all of them through the director.
var (
	markedMany = netip.MustParsePrefix("203.0.113.0/24") // RFC 5737 TEST-NET-3
	markedOne  = netip.MustParsePrefix("192.0.2.99/32")
)

// TestMarkedVIP_IsLocalWhileTheDirectorRuns uses a mark for a prefix and for an address.
// Both must serve requests and answer ping. The director adds the address like any VIP. For
// the prefix it adds a local route. If the director is killed, the route stays, and the
// next director must remove it.
func TestMarkedVIP_IsLocalWhileTheDirectorRuns(t *testing.T) {
	eachWay(t, lab.Config{}, []way{nativeXDP, packetIO}, func(t *testing.T, l *lab.Lab, w way) {
		servePorts(t, l, demoPort)
		d := launchMarked(t, l, w)
		wantMarked(t, l, true)
		client := l.Clients[0]
		for _, a := range []netip.Addr{markedMany.Addr().Next(), netip.MustParseAddr("203.0.113.200"), markedOne.Addr()} {
			browseAt(t, client, client.Addr, a, 8)
			ping(t, client, a)
		}
		must(t, d.Stop())
		wantMarked(t, l, false)
		wantNoRemains(t, l)

		must(t, launchMarked(t, l, w).Kill())
		wantMarked(t, l, true)
		next := launchMarked(t, l, w)
		browseAt(t, client, client.Addr, markedMany.Addr().Next(), 8)
		must(t, next.Stop())
		wantMarked(t, l, false)
	})
}

// launchMarked starts a director with a mark's service for the lab's web servers.
func launchMarked(t *testing.T, l *lab.Lab, w way) *process.Director {
	t.Helper()
	flags := append(markRules(l, 7, ""),
		fmt.Sprintf("--fwmark=7=tcp,%s,%d", markedMany, demoPort),
		fmt.Sprintf("--fwmark=7=tcp,%s,%d", markedOne, demoPort),
		"--fwmark=8=tcp,198.18.0.0/15") // no service has this mark
	return launchWith(t, l, w, flags)
}

// wantMarked fails unless the host has the route and the address of the mark. If want is
// false, it fails unless the host has neither.
func wantMarked(t *testing.T, l *lab.Lab, want bool) {
	t.Helper()
	list, err := l.Director.Link.RouteListFiltered(netlink.FAMILY_V4,
		&netlink.Route{Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
	must(t, err)
	var got []string
	for _, r := range list {
		if bits, _ := r.Dst.Mask.Size(); bits < 32 && !r.Dst.IP.IsLoopback() {
			got = append(got, r.Dst.String())
		}
	}
	if want && (len(got) != 1 || got[0] != markedMany.String()) || !want && len(got) > 0 {
		t.Errorf("got the local routes %v, want those of the mark: %v", got, want)
	}
	vips := hostRemains(t, l).vips
	if want && (len(vips) != 1 || vips[0].IPNet.String() != markedOne.String()) || !want && len(vips) > 0 {
		t.Errorf("got the addresses %v, want those of the mark: %v", vips, want)
	}
}
