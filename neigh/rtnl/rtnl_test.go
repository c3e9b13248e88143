package rtnl_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/internal/nettest"
	"director/neigh"
	"director/neigh/rtnl"
	"director/packet"
)

// lan is a director's namespace whose eth0 (10.0.0.1/24) leads to a peer that
// answers for 10.0.0.11 and 10.0.0.254.
func lan(t *testing.T) (n, peer *nettest.Namespace) {
	n, peer = nettest.Enter(t), nettest.New(t)
	n.Wire(t, "eth0", peer, "eth0", 1)
	n.Addr(t, "eth0", "10.0.0.1/24")
	peer.Addr(t, "eth0", "10.0.0.11/24")
	peer.Addr(t, "eth0", "10.0.0.254/24")
	return n, peer
}

func oneQueue(string) (int, error) { return 1, nil }

func open(t *testing.T, c rtnl.Config) *rtnl.Watch {
	t.Helper()
	if c.Interfaces == nil {
		c.Interfaces = []string{"eth0"}
	}
	if c.Queues == nil {
		c.Queues = oneQueue
	}
	w, err := rtnl.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// start opens a Watch and runs it until the end of the test or until stop is
// called, which returns Run's error after Close.
func start(t *testing.T, c rtnl.Config) (w *rtnl.Watch, stop func() error) {
	t.Helper()
	w = open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		if err := w.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		return err
	})
	t.Cleanup(func() { stop() })
	return w, stop
}

// await waits until the snapshot satisfies cond, and checks it after each value from Changes.
func await(t *testing.T, w *rtnl.Watch, what string, cond func(neigh.Snapshot) bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !cond(w.Snapshot()) {
		select {
		case <-w.Changes():
		case <-deadline:
			t.Fatalf("still waiting after 20 s: %s; links %+v, routes %+v, %d neighbours",
				what, w.Snapshot().Links, w.Snapshot().Routes, len(w.Snapshot().Neighbors))
		}
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func eth0(s neigh.Snapshot) neigh.Link {
	for _, l := range s.Links {
		if l.Interface == 0 {
			return l
		}
	}
	return neigh.Link{}
}

func route(s neigh.Snapshot, dst string) (neigh.Route, bool) {
	for _, r := range s.Routes {
		if r.Dst == netip.MustParsePrefix(dst) {
			return r, true
		}
	}
	return neigh.Route{}, false
}

// mac returns the address that the snapshot has for ip, zero if none.
func mac(s neigh.Snapshot, ip string) packet.MAC {
	for _, n := range s.Neighbors {
		if n.IP == addr(ip) {
			return n.MAC
		}
	}
	return packet.MAC{}
}

func linkMAC(t *testing.T, n *nettest.Namespace, name string) packet.MAC {
	t.Helper()
	return packet.MAC(n.Link(t, name).Attrs().HardwareAddr)
}

func TestOpen_ListsWhatIsThere(t *testing.T) {
	n, _ := lan(t)
	n.Route(t, "0.0.0.0/0", "10.0.0.254")
	w := open(t, rtnl.Config{})
	defer w.Close()
	s := w.Snapshot()
	l := eth0(s)
	if l.Name != "eth0" || l.MAC != linkMAC(t, n, "eth0") || l.MTU != 1500 || !l.Up ||
		len(l.Addrs) != 1 || l.Addrs[0] != netip.MustParsePrefix("10.0.0.1/24") {
		t.Errorf("eth0 is %+v", l)
	}
	if r, ok := route(s, "0.0.0.0/0"); !ok || r.Gateway != addr("10.0.0.254") || r.Link != l.Index {
		t.Errorf("default route is %+v, %v", r, ok)
	}
	if r, ok := route(s, "10.0.0.0/24"); !ok || r.Gateway.IsValid() || r.Source != addr("10.0.0.1") {
		t.Errorf("connected route is %+v, %v", r, ok)
	}
}

func TestOpen_NamesAnInterfaceThatIsNot(t *testing.T) {
	lan(t)
	_, err := rtnl.Open(rtnl.Config{Interfaces: []string{"eth0", "eth9"}, Queues: oneQueue})
	if err == nil || !strings.Contains(err.Error(), "eth9") {
		t.Errorf("Open: %v, want an error about eth9", err)
	}
}

func TestWatch_FollowsAddressesAndRoutes(t *testing.T) {
	n, _ := lan(t)
	w, _ := start(t, rtnl.Config{})
	n.Addr(t, "eth0", "192.0.2.1/24")
	await(t, w, "second address", func(s neigh.Snapshot) bool { return len(eth0(s).Addrs) == 2 })
	_, dst, _ := net.ParseCIDR("198.51.100.0/24")
	if err := n.RouteAdd(&netlink.Route{Dst: dst, Gw: net.IP{10, 0, 0, 254}, Src: net.IP{192, 0, 2, 1}}); err != nil {
		t.Fatal(err)
	}
	await(t, w, "route", func(s neigh.Snapshot) bool {
		r, ok := route(s, "198.51.100.0/24")
		return ok && r.Gateway == addr("10.0.0.254") && r.Source == addr("192.0.2.1")
	})
	// The kernel removes the route with that source address without an event.
	a, _ := netlink.ParseAddr("192.0.2.1/24")
	if err := n.AddrDel(n.Link(t, "eth0"), a); err != nil {
		t.Fatal(err)
	}
	await(t, w, "address and route gone", func(s neigh.Snapshot) bool {
		_, ok := route(s, "198.51.100.0/24")
		return !ok && len(eth0(s).Addrs) == 1
	})
	if err := n.LinkSetMTU(n.Link(t, "eth0"), 1400); err != nil {
		t.Fatal(err)
	}
	await(t, w, "MTU", func(s neigh.Snapshot) bool { return eth0(s).MTU == 1400 })
}

func TestWatch_ConvertsUnusualRoutes(t *testing.T) {
	n, _ := lan(t)
	index := n.Link(t, "eth0").Attrs().Index
	dst := func(s string) *net.IPNet { _, p, _ := net.ParseCIDR(s); return p }
	for _, r := range []netlink.Route{
		{Dst: dst("198.51.100.0/24"), Type: unix.RTN_BLACKHOLE},
		{Dst: dst("203.0.113.0/24"), MTU: 1300, Priority: 7, MultiPath: []*netlink.NexthopInfo{
			{LinkIndex: index, Gw: net.IP{10, 0, 0, 254}}, {LinkIndex: index, Gw: net.IP{10, 0, 0, 253}}}},
		{Dst: dst("192.0.2.0/24"), LinkIndex: index, Via: &netlink.Via{AddrFamily: unix.AF_INET6, Addr: net.ParseIP("fe80::7")}},
		{Dst: dst("100.64.0.0/10"), Gw: net.IP{10, 0, 0, 254}, Tos: 0x10},
		{Dst: dst("100.65.0.0/16"), Gw: net.IP{10, 0, 0, 254}, Table: 100},
		{Dst: dst("100.66.0.0/16"), LinkIndex: index, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST, Table: unix.RT_TABLE_LOCAL},
		{Dst: dst("100.67.0.0/16"), LinkIndex: index, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST},
	} {
		if err := n.RouteAdd(&r); err != nil {
			t.Fatalf("%v: %v", r, err)
		}
	}
	w := open(t, rtnl.Config{})
	defer w.Close()
	s := w.Snapshot()
	if r, ok := route(s, "198.51.100.0/24"); !ok || r.Link != 0 {
		t.Errorf("blackhole is %+v, %v; want a route by no link", r, ok)
	}
	if r, ok := route(s, "203.0.113.0/24"); !ok || r.Gateway != addr("10.0.0.254") || r.MTU != 1300 || r.Metric != 7 {
		t.Errorf("multipath is %+v, %v; want the first next hop", r, ok)
	}
	if r, ok := route(s, "192.0.2.0/24"); !ok || r.Gateway != addr("fe80::7") {
		t.Errorf("route by an IPv6 gateway is %+v, %v", r, ok)
	}
	for _, p := range []string{"100.64.0.0/10", "100.65.0.0/16", "100.66.0.0/16", "100.67.0.0/16"} {
		if r, ok := route(s, p); ok {
			t.Errorf("%+v is not of the main table's plain routes", r)
		}
	}
}

func TestWatch_FollowsALinkDownAndUp(t *testing.T) {
	t.Parallel()
	n, peer := lan(t)
	w, _ := start(t, rtnl.Config{})
	w.Serve([]packet.Addr{packet.MustAddr("10.0.0.11")})
	resolved := func(s neigh.Snapshot) bool { return eth0(s).Up && mac(s, "10.0.0.11") == linkMAC(t, peer, "eth0") }
	await(t, w, "server resolved", resolved)
	n.Down(t, "eth0")
	await(t, w, "link down", func(s neigh.Snapshot) bool { return !eth0(s).Up })
	n.Up(t, "eth0")
	await(t, w, "server resolved again", resolved)
	peer.Down(t, "eth0")
	await(t, w, "no carrier", func(s neigh.Snapshot) bool { return !eth0(s).Up })
	peer.Up(t, "eth0")
	await(t, w, "server resolved after the carrier came back", resolved)
}

func TestWatch_HidesTheKernelBehindStaticNeighbors(t *testing.T) {
	n, _ := lan(t)
	fixed := packet.MAC{2, 0, 0, 0, 7, 7}
	w, stop := start(t, rtnl.Config{Static: []rtnl.Static{{IP: addr("10.0.0.11"), MAC: fixed, Interface: "eth0"}}})
	w.Serve([]packet.Addr{packet.MustAddr("10.0.0.11")})
	if failed := w.Resolve(t.Context()); failed != nil {
		t.Errorf("Resolve: %v unresolved", failed)
	}
	if err := n.NeighSet(&netlink.Neigh{LinkIndex: n.Link(t, "eth0").Attrs().Index, State: netlink.NUD_PERMANENT,
		IP: net.IP{10, 0, 0, 12}, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 12}}); err != nil {
		t.Fatal(err)
	}
	await(t, w, "a neighbour of the kernel's", func(s neigh.Snapshot) bool { return !mac(s, "10.0.0.12").IsZero() })
	if got := mac(w.Snapshot(), "10.0.0.11"); got != fixed {
		t.Errorf("10.0.0.11 is at %v, want %v", got, fixed)
	}
	stop()
	for _, e := range kernelEntries(t, n) {
		if e.IP.String() == "10.0.0.11" {
			t.Errorf("the static neighbour is in the kernel: %+v", e)
		}
	}
}

func TestRun_EndsWhenAnInterfaceVanishes(t *testing.T) {
	n, _ := lan(t)
	w := open(t, rtnl.Config{})
	defer w.Close()
	done := make(chan error, 1)
	go func() { done <- w.Run(t.Context()) }()
	if err := n.LinkDel(n.Link(t, "eth0")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "eth0 no longer exists") {
		t.Errorf("Run: %v, want an error that eth0 no longer exists", err)
	}
}

func TestRun_EndsWhenQueuesChange(t *testing.T) {
	t.Parallel()
	lan(t)
	var queues atomic.Int32
	queues.Store(2)
	w := open(t, rtnl.Config{Queues: func(string) (int, error) { return int(queues.Load()), nil }})
	defer w.Close()
	queues.Store(4)
	err := w.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "eth0 has 4 receive queues now, but had 2") {
		t.Errorf("Run: %v, want an error about the queues of eth0", err)
	}
}

// With AF_PACKET the number of queues may change. That is logged.
func TestAnyQueues_LetsThemChange(t *testing.T) {
	t.Parallel()
	n, _ := lan(t)
	var queues, asked atomic.Int32
	queues.Store(2)
	var log bytes.Buffer
	w := open(t, rtnl.Config{Log: zerolog.New(&log), Queues: func(string) (int, error) {
		asked.Add(1)
		return int(queues.Load()), nil
	}})
	defer w.Close()
	w.AnyQueues(n.Link(t, "eth0").Attrs().Index)
	w.AnyQueues(9999) // no such interface
	queues.Store(4)
	before := asked.Load()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	nettest.Eventually(t, "the queues are counted twice", func() bool { return asked.Load() >= before+2 })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if n := strings.Count(log.String(), `"queues":4,"before":2`); n != 1 {
		t.Errorf("the change was logged %d times, want once:\n%s", n, log.String())
	}
}

func TestRun_CatchesUpAfterLostEvents(t *testing.T) {
	n, _ := lan(t)
	var log bytes.Buffer
	w := open(t, rtnl.Config{Log: zerolog.New(&log)})
	set := func(i int, last byte) {
		if err := n.NeighSet(&netlink.Neigh{LinkIndex: n.Link(t, "eth0").Attrs().Index, State: netlink.NUD_STALE,
			IP: net.IP{10, 0, 0, byte(i)}, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, last, byte(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 50 { // more than the subscription can hold before it is read
		for i := 100; i < 200; i++ {
			set(i, byte(round))
		}
	}
	n.Route(t, "198.51.100.0/24", "10.0.0.254")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	await(t, w, "the last of what was lost", func(s neigh.Snapshot) bool {
		_, ok := route(s, "198.51.100.0/24")
		return ok && mac(s, "10.0.0.199") == packet.MAC{2, 0, 0, 0, 49, 199}
	})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	w.Close()
	if !strings.Contains(log.String(), "events lost") {
		t.Error("no event was lost: the test does not test what it is for")
	}
}
