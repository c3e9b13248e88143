//go:build linux

package main

import (
	"fmt"
	"testing"

	"github.com/vishvananda/netlink"

	"director/internal/lab"
	"director/service"
)

// TestNeighbor_StaticServesForAServerWithoutARP has one real server that
// neither asks nor answers by ARP. Told its Ethernet address by --neighbor, the
// director gives it its share all the same, and the kernel is not told.
func TestNeighbor_StaticServesForAServerWithoutARP(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		mute := l.Servers[0]
		mac, err := mute.MAC("eth0")
		if err != nil {
			t.Fatal(err)
		}
		stopARP(t, l, mute)
		names := startWeb(t, l)
		flag := fmt.Sprintf("--neighbor=%s=%s@eth1", mute.Addr, mac)
		startDirector(t, l, ioKind, append(httpRules(l), flag)...)
		mustFetch(t, l, names, 40)

		known, err := l.Director.Link.NeighList(0, netlink.FAMILY_V4)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range known {
			if n.IP.Equal(mute.Addr.AsSlice()) {
				t.Errorf("the director's kernel has the neighbour %v: got %v, want none", n.IP, n)
			}
		}
	})
}

// stopARP makes a real server neither ask nor answer by ARP, and tells it the
// Ethernet address of the host by which its answers reach the client.
func stopARP(t *testing.T, l *lab.Lab, h *lab.Host) {
	t.Helper()
	gateway := l.Director
	if l.Method != service.NAT {
		gateway = l.Clients[0]
	}
	mac, err := gateway.MAC("eth1")
	if err != nil {
		t.Fatal(err)
	}
	routes, err := h.Link.RouteGet(l.Clients[0].Addr.AsSlice())
	if err != nil {
		t.Fatal(err)
	}
	dev, err := h.Link.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Link.LinkSetARPOff(dev); err != nil {
		t.Fatal(err)
	}
	err = h.Link.NeighSet(&netlink.Neigh{
		LinkIndex: dev.Attrs().Index, IP: routes[0].Gw, HardwareAddr: mac, State: netlink.NUD_PERMANENT,
	})
	if err != nil {
		t.Fatal(err)
	}
}
