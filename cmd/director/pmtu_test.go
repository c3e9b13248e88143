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
	narrowMTU = 1400 // of the narrowest hop of a path
	outerLen  = 20   // of a tunnel's outer header
)

// The tests of this file exchange ten megabytes over a path with one narrow
// hop. Every segment of TCP forbids its fragmentation, so the exchange ends only
// if the sender gets an ICMP message, which the director sends or forwards.

// TestPathMTU_OfTheWayToTheServers has the narrow hop right behind the
// director: it is the one who tells the client.
func TestPathMTU_OfTheWayToTheServers(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		routeVia(t, l.Director, netip.MustParsePrefix("10.0.0.0/24"), "eth1", netip.Addr{}, narrowMTU)
		transfer(t, l, ioKind)
		wantPathMTU(t, []*lab.Host{l.Clients[0]}, l.VIP, width(l))
	})
}

// TestPathMTU_OfARouterBeforeTheServer has the narrow hop behind a router
// between the director and a real server. Of a masqueraded packet the router
// tells the client, by way of the director; of a tunnelled one it tells the
// director, who knows which client's packet was inside. How a tunnel's header is made
// and read does not depend on where frames come from, so that all kinds of tunnels
// are tried, but not each with each kind of I/O.
func TestPathMTU_OfARouterBeforeTheServer(t *testing.T) {
	gue := fmt.Sprintf(" --tun-type gue --tun-port %d", lab.GUEPort)
	for _, way := range []struct {
		name   string
		method service.Method
		tunnel string // options of the rule
		outer  int
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

// routeRemote moves the second server behind a router, with a narrow hop between
// them, and returns the address that it has there.
func routeRemote(t *testing.T, l *lab.Lab) netip.Addr {
	t.Helper()
	remote := netip.MustParseAddr("10.9.0.2")
	router, leg, server := l.Servers[0], "eth0", l.Servers[1]
	gateway := router.Addr
	if l.Method == service.TUN { // a server would take the tunnel's end for itself
		router, leg, gateway = l.Clients[1], "eth1", backAddr(t, l.Clients[1])
	}
	must(t, router.Sysctl("net.ipv4.ip_forward", "1"))
	must(t, server.AddAddr("lo", netip.PrefixFrom(remote, 32)))
	routeVia(t, router, netip.PrefixFrom(remote, 32), leg, server.Addr, narrowMTU)
	routeVia(t, l.Director, netip.PrefixFrom(remote, 32), "eth1", gateway, 0)
	return remote
}

// TestPathMTU_OfARouterBeforeTheClient has the narrow hop on the way back, where
// with direct routing and tunnelling the director is not. The router tells the
// sender, which is the virtual address, so the director finds the real server.
func TestPathMTU_OfARouterBeforeTheClient(t *testing.T) {
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

// width returns the longest packet of a client on a path with the narrow hop. A tunnel
// needs space for its outer header.
func width(l *lab.Lab) int {
	if l.Method == service.TUN {
		return narrowMTU - outerLen
	}
	return narrowMTU
}

// wantPathMTU fails unless one of the hosts, and no other, has learnt that the
// path to an address is so wide.
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
		t.Errorf("path MTUs to %s were learnt by %v, want one: no segment was too long", to, learnt)
	}
}

// backAddr is the address of a client's second leg.
func backAddr(t *testing.T, client *lab.Host) netip.Addr {
	t.Helper()
	dev, err := client.Link.LinkByName("eth1")
	must(t, err)
	addrs, err := client.Link.AddrList(dev, netlink.FAMILY_V4)
	must(t, err)
	a, _ := netip.AddrFromSlice(addrs[0].IP)
	return a.Unmap()
}

// routeVia sets a host's route, or replaces it. Without a gateway the
// destination is on the wire; an mtu of 0 is the interface's.
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
		t.Fatalf("%s: route %s by %s: %v", h.Name, dst, dev, err)
	}
}
