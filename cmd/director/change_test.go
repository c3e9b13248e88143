//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
	"director/internal/nettest"
)

// TestChange_AServerWithANewMAC gives the only real server another Ethernet address. The
// server announces it. The director must send new connections to that address.
func TestChange_AServerWithANewMAC(t *testing.T) {
	eachWay(t, lab.Config{Servers: 1}, []way{nativeXDP, packetIO}, func(t *testing.T, l *lab.Lab, w way) {
		server := l.Servers[0]
		startWeb(t, l)
		launch(t, l, w)
		browse(t, l, l.Clients[0].Addr, 20)
		// Linux ignores a new address that follows the last one within a second.
		must(t, l.Director.Sysctl("net.ipv4.neigh.eth1.locktime", "0"))
		must(t, server.Sysctl("net.ipv4.conf.eth0.arp_notify", "1"))
		must(t, server.SetMAC("eth0", net.HardwareAddr{2, 0, 0, 0, 0xbe, 0xef}))
		browse(t, l, l.Clients[0].Addr, 20)
	})
}

// TestChange_AVIPThatIsRemoved removes the address of the service from the director's host.
// The director adds it again and says so. Clients with an old ARP entry notice nothing.
func TestChange_AVIPThatIsRemoved(t *testing.T) {
	eachWay(t, lab.Config{}, []way{nativeXDP, packetIO}, func(t *testing.T, l *lab.Lab, w way) {
		startWeb(t, l)
		d := launch(t, l, w)
		vip := &netlink.Addr{IPNet: &net.IPNet{IP: l.VIP.AsSlice(), Mask: net.CIDRMask(32, 32)}}
		front, err := l.Director.Link.LinkByName("eth0")
		must(t, err)
		must(t, l.Director.Link.AddrDel(front, vip))
		nettest.Eventually(t, "the log tells it", func() bool { return strings.Contains(d.Log(), "somebody has removed a VIP") })
		nettest.Eventually(t, "the VIP is back", func() bool { return strings.Contains(directorAddresses(t, l), l.VIP.String()+"/32") })
		browse(t, l, l.Clients[0].Addr, 20)
	})
}

// TestChange_ADirectorWithANewMAC gives the director's interface to the clients another
// Ethernet address. The director must announce it: the client's ARP entry for the director,
// which is the gateway to the VIP, is fresh, so it would use the old address for half a
// minute.
func TestChange_ADirectorWithANewMAC(t *testing.T) {
	eachWay(t, lab.Config{}, []way{nativeXDP, packetIO}, func(t *testing.T, l *lab.Lab, w way) {
		startWeb(t, l)
		launch(t, l, w)
		client := l.Clients[0]
		browse(t, l, client.Addr, 20)
		must(t, client.Sysctl("net.ipv4.neigh.eth0.base_reachable_time_ms", "3600000")) // an hour
		mac := net.HardwareAddr{2, 0, 0, 0, 0xbe, 0xef}
		must(t, l.Director.SetMAC("eth0", mac))
		nettest.Eventually(t, "the client hears of it", func() bool {
			list, err := client.Link.NeighList(0, netlink.FAMILY_V4)
			must(t, err)
			return slices.ContainsFunc(list, func(n netlink.Neigh) bool {
				return n.IP.Equal(l.Front.AsSlice()) && bytes.Equal(n.HardwareAddr, mac)
			})
		})
		browse(t, l, client.Addr, 20)
	})
}

// TestChange_AnotherNumberOfQueues changes the number of receive queues, as ethtool -L does.
// With AF_PACKET the director goes on: the kernel spreads the frames of all queues over the
// workers.
func TestChange_AnotherNumberOfQueues(t *testing.T) {
	l := labtest.New(t, lab.Config{Queues: [2]int{2, 2}})
	names := startWeb(t, l)
	d := startDirector(t, l, "packet", httpRules(l)...)
	dial := dialer(l, demoPort) // one for all: a port that was used is not free at once
	for _, when := range []string{"before", "afterwards"} {
		if got := countServers(t, dial, 40); len(got) != len(names) {
			t.Errorf("connections %s: %v, want some on each server", when, got)
		}
		must(t, l.Director.SetQueues("eth0", 1, 2))
		nettest.Eventually(t, "the log tells it", func() bool { return strings.Contains(d.Log(), "the number of receive queues has changed") })
	}
}

// TestChange_ALinkThatGoesDownAndUp takes the link to the real servers down and up
// again: first the carrier, as if a cable were pulled, then the administrative state.
func TestChange_ALinkThatGoesDownAndUp(t *testing.T) {
	for _, kind := range []struct {
		name   string
		change func(l *lab.Lab, up bool) error
	}{
		{"cable", func(l *lab.Lab, up bool) error { return l.Plug(l.Director, "eth1", up) }},
		{"administrative", func(l *lab.Lab, up bool) error { return l.Director.SetUp("eth1", up) }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			eachWay(t, lab.Config{}, []way{nativeXDP, packetIO}, func(t *testing.T, l *lab.Lab, w way) {
				startWeb(t, l)
				d := launch(t, l, w)
				browse(t, l, l.Clients[0].Addr, 50)
				must(t, kind.change(l, false))
				awaitRunning(t, l.Director, "eth1", false)
				if connects(t, l, l.Clients[0].Addr) {
					t.Error("the client got a connection while the servers were unreachable, want none")
				}
				must(t, kind.change(l, true))
				awaitRunning(t, l.Director, "eth1", true)
				browse(t, l, l.Clients[0].Addr, 50)
				if err := d.Stop(); err != nil {
					t.Fatal(err)
				}
				wantNoRemains(t, l)
			})
		})
	}
}

// TestChange_AnotherDefaultGateway changes the director's default gateway to a host that
// has no route to the client, and back. The replies must follow the route.
func TestChange_AnotherDefaultGateway(t *testing.T) {
	remoteClient := netip.MustParseAddr("203.0.113.5") // RFC 5737 TEST-NET-3
	eachWay(t, lab.Config{Clients: 2}, []way{nativeXDP, packetIO}, func(t *testing.T, l *lab.Lab, w way) {
		startWeb(t, l)
		must(t, l.Clients[0].AddAddr("lo", netip.PrefixFrom(remoteClient, 32)))
		setGateway(t, l, l.Clients[0].Addr)
		launch(t, l, w)
		browse(t, l, remoteClient, 20)
		setGateway(t, l, l.Clients[1].Addr)
		nettest.Eventually(t, "replies go through the other gateway", func() bool { return !connects(t, l, remoteClient) })
		setGateway(t, l, l.Clients[0].Addr)
		browse(t, l, remoteClient, 20)
	})
}

// TestChange_AnInterfaceThatIsDeleted checks that the director exits with 1 and names the
// interface, and that nothing of the director is left on the other interface.
func TestChange_AnInterfaceThatIsDeleted(t *testing.T) {
	eachWay(t, lab.Config{}, []way{nativeXDP, genericXDP, packetIO}, func(t *testing.T, l *lab.Lab, w way) {
		startWeb(t, l)
		d := launch(t, l, w)
		browse(t, l, l.Clients[0].Addr, 20)
		dev, err := l.Director.Link.LinkByName("eth1")
		must(t, err)
		must(t, l.Director.Link.LinkDel(dev))
		var exit *exec.ExitError
		if err := awaitEnd(t, d); !errors.As(err, &exit) || exit.ExitCode() != cli.Failed {
			t.Errorf("the director ended with %v, want exit %d", err, cli.Failed)
		}
		if want := "interface eth1 no longer exists\n"; !strings.HasSuffix(d.Log(), want) {
			t.Errorf("got\n%s\nwant it to end in %q", d.Log(), want)
		}
		wantNoRemains(t, l)
	})
}

// awaitEnd waits until a director exits by itself and returns the error of Wait.
func awaitEnd(t *testing.T, d *process.Director) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- d.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.Fatal("the director still runs, want it to exit by itself")
		return nil
	}
}

// awaitRunning waits until an interface has, or no longer has, the flag IFF_RUNNING.
func awaitRunning(t *testing.T, h *lab.Host, dev string, up bool) {
	t.Helper()
	nettest.Eventually(t, fmt.Sprintf("%s running: %v", dev, up), func() bool {
		l, err := h.Link.LinkByName(dev)
		must(t, err)
		return l.Attrs().RawFlags&unix.IFF_RUNNING != 0 == up
	})
}

// connects reports whether the client gets a connection to the service within 200 ms.
func connects(t *testing.T, l *lab.Lab, from netip.Addr) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	local := netip.AddrPortFrom(from, 0).String()
	c, err := l.Clients[0].Dial(ctx, "tcp4", local, fmt.Sprintf("%s:%d", l.VIP, demoPort))
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// setGateway sets the director's default gateway.
func setGateway(t *testing.T, l *lab.Lab, gateway netip.Addr) {
	t.Helper()
	dev, err := l.Director.Link.LinkByName("eth0")
	must(t, err)
	must(t, l.Director.Link.RouteReplace(&netlink.Route{
		LinkIndex: dev.Attrs().Index,
		Dst:       &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
		Gw:        gateway.AsSlice(),
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
