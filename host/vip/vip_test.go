package vip_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/host"
	"director/host/vip"
	"director/internal/nettest"
)

var service = netip.MustParseAddr("192.0.2.10")

// office returns a host with the interfaces front and back, both connected to peer.
func office(t *testing.T) (n, peer *nettest.Namespace) {
	n, peer = nettest.Enter(t), nettest.New(t)
	n.Wire(t, "front", peer, "front", 1)
	n.Wire(t, "back", peer, "back", 1)
	n.Addr(t, "front", "192.0.2.1/24")
	n.Addr(t, "back", "10.0.0.1/24")
	return n, peer
}

func hold(t *testing.T, c vip.Config) *vip.Holder {
	t.Helper()
	h, err := vip.Hold(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// run calls Run until the returned function is called.
func run(t *testing.T, h *vip.Holder) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { h.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// addrs returns the addresses of an interface.
func addrs(t *testing.T, n *nettest.Namespace, name string) []string {
	t.Helper()
	list, err := n.AddrList(n.Link(t, name), netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, a := range list {
		s = append(s, a.IPNet.String())
	}
	return s
}

func checkAddrs(t *testing.T, n *nettest.Namespace, name string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, addrs(t, n, name)); d != "" {
		t.Errorf("addresses of %s (-want +got):\n%s", name, d)
	}
}

func TestHold_AddsALimitedLifeAndRemovesIt(t *testing.T) {
	n, _ := office(t)
	h := hold(t, vip.Config{VIPs: []netip.Addr{service}, First: "back"})
	checkAddrs(t, n, "front", "192.0.2.1/24", "192.0.2.10/32")
	list, err := n.AddrList(n.Link(t, "front"), netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	if a := list[1]; a.ValidLft < 1 || a.ValidLft > 60 || a.PreferedLft < 1 || a.PreferedLft > 60 {
		t.Errorf("valid %d s, preferred %d s, want 1 to 60", a.ValidLft, a.PreferedLft)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	checkAddrs(t, n, "front", "192.0.2.1/24")
}

func TestHold_ChoosesTheInterface(t *testing.T) {
	n, _ := office(t)
	n.Route(t, "0.0.0.0/0", "10.0.0.254")
	far, farther := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
	h := hold(t, vip.Config{
		VIPs:  []netip.Addr{service, far, farther},
		On:    map[netip.Addr]string{farther: "front"},
		First: "front",
	})
	checkAddrs(t, n, "front", "192.0.2.1/24", "192.0.2.10/32", "198.51.100.2/32") // subnet, named
	checkAddrs(t, n, "back", "10.0.0.1/24", "198.51.100.1/32")                    // default route
	h.Close()

	n.RouteDel(&netlink.Route{Dst: nil, Gw: []byte{10, 0, 0, 254}})
	h = hold(t, vip.Config{VIPs: []netip.Addr{far}, First: "front"})
	checkAddrs(t, n, "front", "192.0.2.1/24", "198.51.100.1/32") // first interface
	h.Close()
}

func TestHold_LeavesNothingWhenOneFails(t *testing.T) {
	n, _ := office(t)
	second := netip.MustParseAddr("192.0.2.11")
	_, err := vip.Hold(vip.Config{
		VIPs: []netip.Addr{service, second},
		On:   map[netip.Addr]string{second: "nowhere"},
	})
	if !errors.Is(err, host.ErrUsage) || !strings.Contains(err.Error(), "--vip-interface 192.0.2.11=nowhere") {
		t.Errorf("got %v, want a usage error that names the flag", err)
	}
	checkAddrs(t, n, "front", "192.0.2.1/24")
}

func TestSet_HoldsWhatItCan(t *testing.T) {
	n, _ := office(t)
	first, last := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.11")
	h := hold(t, vip.Config{On: map[netip.Addr]string{first: "nowhere"}})
	defer h.Close()
	if err := h.Set([]netip.Addr{first, service, last}, []netip.Prefix{marked}); err == nil || !strings.Contains(err.Error(), "192.0.2.9=nowhere") {
		t.Errorf("got %v, want an error that names the address without a place", err)
	}
	checkAddrs(t, n, "front", "192.0.2.1/24", "192.0.2.10/32", "192.0.2.11/32")
	checkLocal(t, n, marked.String())
}

func TestHold_NeverTouchesWhatWasThere(t *testing.T) {
	n, _ := office(t)
	n.Addr(t, "back", "192.0.2.10/24")
	h := hold(t, vip.Config{VIPs: []netip.Addr{service}, First: "front"})
	checkAddrs(t, n, "front", "192.0.2.1/24")
	h.Close()
	checkAddrs(t, n, "back", "10.0.0.1/24", "192.0.2.10/24")
}

func TestHold_TakesOverFromADirectorThatWasKilled(t *testing.T) {
	n, _ := office(t)
	hold(t, vip.Config{VIPs: []netip.Addr{service}}) // never closed
	h := hold(t, vip.Config{VIPs: []netip.Addr{service}})
	checkAddrs(t, n, "front", "192.0.2.1/24", "192.0.2.10/32")
	h.Close()
	checkAddrs(t, n, "front", "192.0.2.1/24")
}

func TestHolder_RefreshesItsAddresses(t *testing.T) {
	n, _ := office(t)
	h := hold(t, vip.Config{VIPs: []netip.Addr{service}})
	h.RefreshEvery(5 * time.Millisecond)
	stop := run(t, h)
	a, _ := netlink.ParseAddr("192.0.2.10/32")
	if err := n.AddrDel(n.Link(t, "front"), a); err != nil {
		t.Fatal(err)
	}
	nettest.Eventually(t, "the VIP comes back", func() bool { return len(addrs(t, n, "front")) == 2 })
	stop()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	checkAddrs(t, n, "front", "192.0.2.1/24")
}

func TestHolder_CloseAfterItsInterfaceIsGone(t *testing.T) {
	n, _ := office(t)
	h := hold(t, vip.Config{VIPs: []netip.Addr{service}, Log: zerolog.Nop()})
	if err := n.LinkDel(n.Link(t, "front")); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestHolder_AnnouncesThreeTimes(t *testing.T) {
	n, peer := office(t)
	var fd int
	peer.Do(t, func() (err error) {
		const arp = unix.ETH_P_ARP<<8&0xff00 | unix.ETH_P_ARP>>8 // both machines we build for are little-endian
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, arp)
		return err
	})
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20}); err != nil {
		t.Fatal(err)
	}
	h := hold(t, vip.Config{})
	defer h.Close()
	run(t, h)
	if err := h.Set([]netip.Addr{service}, nil); err != nil { // Hold calls Set too
		t.Fatal(err)
	}

	mac := n.Link(t, "front").Attrs().HardwareAddr
	want := append([]byte{255, 255, 255, 255, 255, 255}, mac...)
	want = append(want, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	want = append(want, mac...)
	want = append(want, 192, 0, 2, 10, 0, 0, 0, 0, 0, 0, 192, 0, 2, 10)
	for i := range 3 {
		b := make([]byte, 128)
		size, _, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			t.Fatalf("announcement %d: %v", i+1, err)
		}
		if d := cmp.Diff(want, b[:size]); d != "" {
			t.Errorf("announcement %d (-want +got):\n%s", i+1, d)
		}
	}
}

// TestSet_AddsAndRemovesButNotWhatIsOthers changes the held addresses and routes. One
// address and one route are not the director's, and must stay.
func TestSet_AddsAndRemovesButNotWhatIsOthers(t *testing.T) {
	n, _ := office(t)
	other, third := netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("192.0.2.12")
	n.Addr(t, "front", "192.0.2.11/32")
	h := hold(t, vip.Config{VIPs: []netip.Addr{service}, Prefixes: []netip.Prefix{marked}, First: "front"})
	for range 2 {
		if err := h.Set([]netip.Addr{other, third}, nil); err != nil {
			t.Fatal(err)
		}
		checkAddrs(t, n, "front", "192.0.2.1/24", "192.0.2.11/32", "192.0.2.12/32")
		checkLocal(t, n)
	}
	if err := h.Set([]netip.Addr{service, third}, []netip.Prefix{marked}); err != nil {
		t.Fatal(err)
	}
	checkAddrs(t, n, "front", "192.0.2.1/24", "192.0.2.11/32", "192.0.2.12/32", "192.0.2.10/32")
	checkLocal(t, n, "203.0.113.0/24")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	checkAddrs(t, n, "front", "192.0.2.1/24", "192.0.2.11/32")
	checkLocal(t, n)
}

// TestSet_AfterAnErrorDoesTheRest checks that the next call adds an address whose
// interface did not exist before.
func TestSet_AfterAnErrorDoesTheRest(t *testing.T) {
	n, peer := office(t)
	second := netip.MustParseAddr("192.0.2.11")
	h := hold(t, vip.Config{VIPs: []netip.Addr{service}, On: map[netip.Addr]string{second: "later"}})
	if err := h.Set([]netip.Addr{second}, nil); !errors.Is(err, host.ErrUsage) {
		t.Errorf("an interface that is not there: got %v", err)
	}
	checkAddrs(t, n, "front", "192.0.2.1/24")
	n.Wire(t, "later", peer, "later", 1)
	if err := h.Set([]netip.Addr{second}, nil); err != nil {
		t.Fatal(err)
	}
	checkAddrs(t, n, "later", "192.0.2.11/32")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	checkAddrs(t, n, "later")
}
