//go:build linux

package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/service"
)

const (
	narrowMTU = 1400 // MTU of the narrow hop
	outerLen  = 20   // bytes of the outer IPv4 header of a tunnel
)

// The tests of this file exchange ten megabytes over a path with one narrow hop. All TCP
// segments have the DF bit. The exchange therefore succeeds only if the sender gets an ICMP
// message "fragmentation needed", which the director sends or forwards.

// TestPathMTU_NarrowHopAfterTheDirector has the narrow hop between the director and the
// servers. The director must send the ICMP message to the client.
func TestPathMTU_NarrowHopAfterTheDirector(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		routeVia(t, l.Director, netip.MustParsePrefix("10.0.0.0/24"), "eth1", netip.Addr{}, narrowMTU)
		transfer(t, l, ioKind)
		wantPathMTU(t, []*lab.Host{l.Clients[0]}, l.VIP, clientPathMTU(l))
	})
}

// TestPathMTU_NarrowHopBeforeTheServer has a router between the director and a real server,
// and the narrow hop behind the router. If the packet was masqueraded, the router sends the
// ICMP message to the client, through the director. If it was tunnelled, the router sends
// the message to the director, which must find the client of the inner packet. All kinds of
// tunnels are tested, but not each with each kind of I/O: the code that writes and reads a
// tunnel's header does not depend on the I/O.
func TestPathMTU_NarrowHopBeforeTheServer(t *testing.T) {
	gue := fmt.Sprintf(" --tun-type gue --tun-port %d", lab.GUEPort)
	for _, way := range []struct {
		name   string
		method service.Method
		tunnel string // options of the rule
		outer  int    // bytes that the tunnel adds
		io     []string
	}{
		{"nat", service.NAT, "", 0, []string{"xdp", "packet"}},
		{"ipip", service.TUN, "", outerLen, []string{"xdp", "packet"}},
		{"gue", service.TUN, gue, outerLen + 12, []string{"xdp"}},
		{"gue with a checksum", service.TUN, gue + " --tun-csum", outerLen + 12, []string{"packet"}},
		{"gre", service.TUN, " --tun-type gre", outerLen + 4, []string{"packet"}},
		{"gre with a checksum", service.TUN, " --tun-type gre --tun-csum", outerLen + 8, []string{"xdp"}},
	} {
		for _, ioKind := range way.io {
			t.Run(way.name+" "+ioKind, func(t *testing.T) {
				t.Parallel()
				l := labtest.New(t, lab.Config{Method: way.method, Clients: 2, Servers: 2, Offloads: ioKind == "packet"})
				remote := routeRemote(t, l)
				startWeb(t, l)
				rules := httpRules(l)
				rule := strings.Replace(rules[1], l.Servers[0].Addr.String(), remote.String(), 1)
				startDirector(t, l, ioKind, rules[0], rule+way.tunnel)
				exchangeBytes(t, l)
				wantPathMTU(t, []*lab.Host{l.Clients[0]}, l.VIP, narrowMTU-way.outer)
			})
		}
	}
}

// routeRemote moves the second server behind a router, with a narrow hop between them. It
// returns the server's new address.
func routeRemote(t *testing.T, l *lab.Lab) netip.Addr {
	t.Helper()
	remote := netip.MustParseAddr("10.9.0.2")
	router, leg, server := l.Servers[0], "eth0", l.Servers[1]
	gateway := router.Addr
	if l.Method == service.TUN { // the router must not be a server: it would decapsulate the packets itself
		router, leg, gateway = l.Clients[1], "eth1", backAddr(t, l.Clients[1])
	}
	must(t, router.Sysctl("net.ipv4.ip_forward", "1"))
	must(t, server.AddAddr("lo", netip.PrefixFrom(remote, 32)))
	routeVia(t, router, netip.PrefixFrom(remote, 32), leg, server.Addr, narrowMTU)
	routeVia(t, l.Director, netip.PrefixFrom(remote, 32), "eth1", gateway, 0)
	return remote
}

// TestPathMTU_NarrowHopBeforeTheClient has the narrow hop on the path from the servers to
// the client. With direct routing and tunnelling, the director is not on this path. The
// router sends the ICMP message to the sender of the packet, the virtual address. So the
// director gets it, and must forward it to the real server of the connection.
func TestPathMTU_NarrowHopBeforeTheClient(t *testing.T) {
	everyWay(t, lab.Config{Clients: 2}, func(t *testing.T, l *lab.Lab, ioKind string) {
		client, router := l.Clients[0], l.Clients[1]
		to := netip.PrefixFrom(client.Addr, 32)
		must(t, router.Sysctl("net.ipv4.ip_forward", "1"))
		routeVia(t, router, to, "eth0", netip.Addr{}, narrowMTU)
		if l.Method == service.NAT {
			routeVia(t, l.Director, to, "eth0", router.Addr, 0)
		} else {
			for _, server := range l.Servers {
				routeVia(t, server, to, "eth0", backAddr(t, router), 0)
			}
		}
		transfer(t, l, ioKind)
		wantPathMTU(t, l.Servers, client.Addr, narrowMTU)
	})
}

// clientPathMTU returns the longest packet of a client on a path with the narrow hop. A tunnel
// needs space for its outer header.
func clientPathMTU(l *lab.Lab) int {
	if l.Method == service.TUN {
		return narrowMTU - outerLen
	}
	return narrowMTU
}

// wantPathMTU fails unless exactly one of the hosts has learnt a path MTU to an address, and
// it is want.
func wantPathMTU(t *testing.T, hosts []*lab.Host, to netip.Addr, want int) {
	t.Helper()
	var learnt []string
	for _, h := range hosts {
		routes, err := h.Link.RouteGet(to.AsSlice())
		must(t, err)
		if mtu := routes[0].MTU; mtu != 0 {
			learnt = append(learnt, fmt.Sprintf("%s: %d", h.Name, mtu))
			if mtu != want {
				t.Errorf("%s has a path MTU of %d to %s, want %d", h.Name, mtu, to, want)
			}
		}
	}
	if len(learnt) != 1 {
		t.Errorf("hosts that have learnt a path MTU to %s: %v, want one", to, learnt)
	}
}

// backAddr returns the address of a client's second interface.
func backAddr(t *testing.T, client *lab.Host) netip.Addr {
	t.Helper()
	dev, err := client.Link.LinkByName("eth1")
	must(t, err)
	addrs, err := client.Link.AddrList(dev, netlink.FAMILY_V4)
	must(t, err)
	a, _ := netip.AddrFromSlice(addrs[0].IP)
	return a.Unmap()
}

// routeVia adds or replaces a route of a host. If gateway is not valid, the destination is
// on the link. If mtu is 0, the route has the MTU of the interface.
func routeVia(t *testing.T, h *lab.Host, dst netip.Prefix, dev string, gateway netip.Addr, mtu int) {
	t.Helper()
	link, err := h.Link.LinkByName(dev)
	must(t, err)
	r := &netlink.Route{
		LinkIndex: link.Attrs().Index, MTU: mtu, Scope: netlink.SCOPE_LINK,
		Dst: &net.IPNet{IP: dst.Addr().AsSlice(), Mask: net.CIDRMask(dst.Bits(), 32)},
	}
	if gateway.IsValid() {
		r.Gw, r.Scope = gateway.AsSlice(), netlink.SCOPE_UNIVERSE
	}
	if err := h.Link.RouteReplace(r); err != nil {
		t.Fatalf("%s: set the route to %s through %s: %v", h.Name, dst, dev, err)
	}
}
