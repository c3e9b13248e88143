//go:build linux

package main

import (
	"fmt"
	"testing"

	"github.com/vishvananda/netlink"

	"director/internal/lab"
	"director/service"
)

// TestNeighbor_StaticReachesAServerWithoutARP uses one real server that neither sends nor
// answers ARP requests. --neighbor gives its Ethernet address to the director. The server
// must get its share of the connections, and the kernel must get no neighbour entry for it.
func TestNeighbor_StaticReachesAServerWithoutARP(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		silent := l.Servers[0]
		mac, err := silent.MAC("eth0")
		if err != nil {
			t.Fatal(err)
		}
		stopARP(t, l, silent)
		names := startWeb(t, l)
		flag := fmt.Sprintf("--neighbor=%s=%s@eth1", silent.Addr, mac)
		startDirector(t, l, ioKind, append(httpRules(l), flag)...)
		mustFetch(t, l, names, 40)

		known, err := l.Director.Link.NeighList(0, netlink.FAMILY_V4)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range known {
			if n.IP.Equal(silent.Addr.AsSlice()) {
				t.Errorf("the director's kernel has an entry for the neighbour %v, want none: %v", n.IP, n)
			}
		}
	})
}

// stopARP switches ARP off on a real server, and sets a static entry for the gateway
// through which its replies reach the client.
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
