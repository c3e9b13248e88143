package rtnl_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"

	"director/internal/nettest"
	"director/neigh"
	"director/neigh/rtnl"
	"director/packet"
)

// kernelEntries returns the kernel's IPv4 neighbours on eth0.
func kernelEntries(t *testing.T, n *nettest.Namespace) []netlink.Neigh {
	t.Helper()
	list, err := n.NeighList(n.Link(t, "eth0").Attrs().Index, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func kernelEntry(t *testing.T, n *nettest.Namespace, ip string) (netlink.Neigh, bool) {
	t.Helper()
	for _, e := range kernelEntries(t, n) {
		if e.IP.String() == ip {
			return e, true
		}
	}
	return netlink.Neigh{}, false
}

// setNeighbor writes an entry into the kernel's table.
func setNeighbor(t *testing.T, n *nettest.Namespace, ip string, state, flagsExt int, mac packet.MAC) {
	t.Helper()
	e := &netlink.Neigh{LinkIndex: n.Link(t, "eth0").Attrs().Index, State: state, FlagsExt: flagsExt, IP: net.ParseIP(ip)}
	if !mac.IsZero() {
		e.HardwareAddr = mac[:]
	}
	if err := n.NeighSet(e); err != nil {
		t.Fatalf("neighbour %s: %v", ip, err)
	}
}

// speak makes the peer resolve the MAC of the director and send it a datagram.
func speak(t *testing.T, peer *nettest.Namespace, from string) {
	t.Helper()
	peer.Do(t, func() error {
		d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("udp", "10.0.0.1:9")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("hello"))
		return err
	})
}

func TestWatch_ResolvesNextHopsWithoutTraffic(t *testing.T) {
	n, peer := lan(t)
	n.Route(t, "0.0.0.0/0", "10.0.0.254")
	w, stop := start(t, rtnl.Config{})
	server := []packet.Addr{packet.MustAddr("10.0.0.11")}
	w.Serve(server)
	if failed := w.Resolve(t.Context()); failed != nil {
		t.Fatalf("Resolve: %v unresolved", failed)
	}
	want := linkMAC(t, peer, "eth0")
	for _, ip := range []string{"10.0.0.11", "10.0.0.254"} {
		await(t, w, ip, func(s neigh.Snapshot) bool { return mac(s, ip) == want })
		if e, ok := kernelEntry(t, n, ip); !ok || e.FlagsExt&netlink.NTF_EXT_MANAGED == 0 {
			t.Errorf("%s in the kernel: %+v, %v; want it managed", ip, e, ok)
		}
	}
	if h := neigh.New(w.Snapshot(), server).Server(0); h.Reason != packet.None || h.Dst != want {
		t.Errorf("hop of the server: %+v", *h)
	}
	w.Serve(nil)
	nettest.Eventually(t, "the server's entry goes when it is not served", func() bool {
		_, ok := kernelEntry(t, n, "10.0.0.11")
		return !ok
	})
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if left := kernelEntries(t, n); len(left) != 0 {
		t.Errorf("left behind in the kernel: %+v", left)
	}
}

func TestWatch_LeavesForeignEntriesAsTheyWere(t *testing.T) {
	n, peer := lan(t)
	there := linkMAC(t, peer, "eth0")
	setNeighbor(t, n, "10.0.0.11", netlink.NUD_STALE, 0, there)
	setNeighbor(t, n, "10.0.0.12", netlink.NUD_PERMANENT, 0, there)
	setNeighbor(t, n, "10.0.0.254", netlink.NUD_NONE, netlink.NTF_EXT_MANAGED, packet.MAC{})
	w, stop := start(t, rtnl.Config{})
	w.Serve([]packet.Addr{packet.MustAddr("10.0.0.11"), packet.MustAddr("10.0.0.12"), packet.MustAddr("10.0.0.254")})
	w.Want(packet.MustAddr("10.0.0.12"), 0)
	if failed := w.Resolve(t.Context()); failed != nil {
		t.Fatalf("Resolve: %v unresolved", failed)
	}
	check := func(when, ip string, state int, managed bool) {
		t.Helper()
		e, ok := kernelEntry(t, n, ip)
		if !ok || e.State&state == 0 || e.FlagsExt&netlink.NTF_EXT_MANAGED != 0 != managed {
			t.Errorf("%s: %s is %+v, %v; want a state of %#x, managed %v", when, ip, e, ok, state, managed)
		}
	}
	const alive = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE
	check("running", "10.0.0.11", alive, true)
	check("running", "10.0.0.12", netlink.NUD_PERMANENT, false)
	check("running", "10.0.0.254", alive, true)
	stop()
	check("stopped", "10.0.0.11", alive, false)
	check("stopped", "10.0.0.12", netlink.NUD_PERMANENT, false)
	check("stopped", "10.0.0.254", alive, true)
}

func TestResolve_NamesWhatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	n, _ := lan(t)
	setNeighbor(t, n, "10.0.0.99", netlink.NUD_FAILED, 0, packet.MAC{}) // as after an earlier attempt
	w, _ := start(t, rtnl.Config{})
	w.Serve([]packet.Addr{packet.MustAddr("10.0.0.11"), packet.MustAddr("10.0.0.98"), packet.MustAddr("10.0.0.99")})
	want := []netip.Addr{addr("10.0.0.98"), addr("10.0.0.99")}
	byAddr := cmpopts.SortSlices(netip.Addr.Less)
	if d := cmp.Diff(want, w.Resolve(t.Context()), byAddr, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Errorf("unresolved (-want +got):\n%s", d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Serve([]packet.Addr{packet.MustAddr("10.0.0.97")})
	w.Resolve(ctx) // returns although nothing is resolved
}

func TestWatch_SeesAChangedMAC(t *testing.T) {
	_, peer := lan(t)
	w, _ := start(t, rtnl.Config{})
	w.Serve([]packet.Addr{packet.MustAddr("10.0.0.11")})
	await(t, w, "server resolved", func(s neigh.Snapshot) bool { return mac(s, "10.0.0.11") == linkMAC(t, peer, "eth0") })
	renewed := packet.MAC{2, 0, 0, 0, 0x55, 0x66}
	if err := peer.LinkSetHardwareAddr(peer.Link(t, "eth0"), renewed[:]); err != nil {
		t.Fatal(err)
	}
	speak(t, peer, "10.0.0.11") // the change of its MAC also removed our entry at the peer
	await(t, w, "the new address", func(s neigh.Snapshot) bool { return mac(s, "10.0.0.11") == renewed })
}

func TestWant_ResolvesAClient(t *testing.T) {
	_, peer := lan(t)
	peer.Addr(t, "eth0", "10.0.0.77/24")
	w, _ := start(t, rtnl.Config{})
	w.Want(packet.MustAddr("10.0.0.77"), 0)
	w.Want(packet.MustAddr("10.0.0.77"), 9) // no such interface
	await(t, w, "client resolved", func(s neigh.Snapshot) bool { return mac(s, "10.0.0.77") == linkMAC(t, peer, "eth0") })
}

func TestWant_NeverBlocks(t *testing.T) {
	lan(t)
	w := open(t, rtnl.Config{})
	defer w.Close()
	for i := range uint32(100_000) { // Run was not called, so the requests are not read
		w.Want(packet.AddrFrom4(10<<24|i), 0)
	}
}

func TestWatch_NeverAnswersToEverybody(t *testing.T) {
	n, peer := lan(t)
	w, _ := start(t, rtnl.Config{})
	w.Want(packet.MustAddr("10.0.0.255"), 0)
	w.Want(packet.MustAddr("10.0.0.11"), 0)
	await(t, w, "what was wanted later", func(s neigh.Snapshot) bool { return mac(s, "10.0.0.11") == linkMAC(t, peer, "eth0") })
	if _, ok := kernelEntry(t, n, "10.0.0.255"); !ok {
		t.Error("the kernel has no entry for the broadcast address: the test does not test what it is for")
	}
	if got := mac(w.Snapshot(), "10.0.0.255"); !got.IsZero() {
		t.Errorf("10.0.0.255 is at %v, want nowhere", got)
	}
}

func TestWatch_RefreshesStaleClientsInUse(t *testing.T) {
	t.Parallel()
	n, peer := lan(t)
	peer.Addr(t, "eth0", "10.0.0.77/24")
	there := linkMAC(t, peer, "eth0")
	for _, ip := range []string{"10.0.0.77", "10.0.0.78"} {
		setNeighbor(t, n, ip, netlink.NUD_STALE, 0, there)
	}
	w, _ := start(t, rtnl.Config{})
	neigh.New(w.Snapshot(), nil).Route(packet.MustAddr("10.0.0.77")).Touch()
	nettest.Eventually(t, "the kernel looks after the client in use", func() bool {
		e, ok := kernelEntry(t, n, "10.0.0.77")
		return ok && e.State&netlink.NUD_STALE == 0
	})
	if e, ok := kernelEntry(t, n, "10.0.0.78"); !ok || e.State&netlink.NUD_STALE == 0 {
		t.Errorf("10.0.0.78 is %+v, %v; want it stale still, nobody uses it", e, ok)
	}
}

// TestStatics_HideAndShowTheKernelsEntries configures a static neighbour, and then another
// one, while the watch runs.
func TestStatics_HideAndShowTheKernelsEntries(t *testing.T) {
	_, peer := lan(t)
	w, _ := start(t, rtnl.Config{})
	w.Serve([]packet.Addr{packet.MustAddr("10.0.0.11")})
	there, fixed := linkMAC(t, peer, "eth0"), packet.MAC{2, 0, 0, 0, 0, 0x42}
	await(t, w, "the kernel's entry", func(s neigh.Snapshot) bool { return mac(s, "10.0.0.11") == there })
	static := func(ip, on string) error {
		return w.Statics(t.Context(), []rtnl.Static{{IP: addr(ip), MAC: fixed, Interface: on}})
	}
	if err := static("10.0.0.11", "eth0"); err != nil {
		t.Fatal(err)
	}
	if got := mac(w.Snapshot(), "10.0.0.11"); got != fixed {
		t.Errorf("when Statics returns the snapshot has %v, want the operator's %v", got, fixed)
	}
	if err := static("10.0.0.12", "eth7"); err == nil || !strings.Contains(err.Error(), "10.0.0.12: interface eth7") {
		t.Errorf("an interface that is not there: got %v", err)
	}
	if err := static("10.0.0.12", "eth0"); err != nil {
		t.Fatal(err)
	}
	await(t, w, "the kernel's entry again", func(s neigh.Snapshot) bool {
		return mac(s, "10.0.0.11") == there && mac(s, "10.0.0.12") == fixed
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	idle := open(t, rtnl.Config{}) // Run is not called
	defer idle.Close()
	if err := idle.Statics(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("without anybody who takes it up: got %v", err)
	}
}
