package vip_test

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/host/vip"
	"director/internal/nettest"
	"director/packet"
)

// never is longer than any test: no refresh happens.
const never = time.Hour

// lines is a log that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// count returns how many lines contain a text.
func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

// watching holds VIPs and watches them, without refreshes.
func watching(t *testing.T, c vip.Config) (*vip.Holder, *lines) {
	t.Helper()
	log := new(lines)
	c.Log = zerolog.New(log)
	h := hold(t, c)
	h.RefreshEvery(never)
	h.SettleAfter(time.Millisecond)
	stop := run(t, h)
	t.Cleanup(func() {
		stop()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, log
}

func takeAway(t *testing.T, n *nettest.Namespace, name, cidr string) {
	t.Helper()
	a, err := netlink.ParseAddr(cidr)
	if err == nil {
		err = n.AddrDel(n.Link(t, name), a)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, n *nettest.Namespace, name, cidr string) bool {
	t.Helper()
	for _, a := range addrs(t, n, name) {
		if a == cidr {
			return true
		}
	}
	return false
}

const (
	added = "somebody has removed a VIP"
	slow  = "somebody removes a VIP again and again"
)

// An address that is removed is back without a refresh, and the log tells it. From the
// fourth removal within a minute on it waits for a refresh.
func TestRun_RestoresAnAddressButDoesNotFight(t *testing.T) {
	n, _ := office(t)
	_, log := watching(t, vip.Config{VIPs: []netip.Addr{service, netip.MustParseAddr("192.0.2.11")}})
	for i := 1; i <= 3; i++ {
		takeAway(t, n, "front", "192.0.2.10/32")
		nettest.Eventually(t, "the VIP is back", func() bool { return has(t, n, "front", "192.0.2.10/32") })
		nettest.Eventually(t, "a line in the log", func() bool { return log.count(added) == i })
	}
	takeAway(t, n, "front", "192.0.2.10/32")
	nettest.Eventually(t, "the director gives way", func() bool { return log.count(slow) == 1 })
	takeAway(t, n, "front", "192.0.2.11/32")
	nettest.Eventually(t, "the other VIP is back", func() bool { return has(t, n, "front", "192.0.2.11/32") })
	nettest.Eventually(t, "a line in the log", func() bool { return log.count(added) == 4 })
	if has(t, n, "front", "192.0.2.10/32") || log.count(slow) != 1 {
		t.Errorf("there: %v, %d lines; want it absent until the next refresh, and one line",
			has(t, n, "front", "192.0.2.10/32"), log.count(slow))
	}
}

// A VIP that was there before the director is not added again, but the log and Missing tell
// that it was removed, and that it is back.
func TestRun_TellsOfARemovedVIPOfAnother(t *testing.T) {
	n, _ := office(t)
	put := func() {
		t.Helper()
		a, err := netlink.ParseAddr("192.0.2.10/32")
		if err == nil {
			err = n.AddrAdd(n.Link(t, "front"), a)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put()
	h, log := watching(t, vip.Config{VIPs: []netip.Addr{service, netip.MustParseAddr("192.0.2.11")}})
	if got := h.Missing(); len(got) != 0 {
		t.Fatalf("%v are missing, want none", got)
	}
	for i := 1; i <= 2; i++ {
		takeAway(t, n, "front", "192.0.2.10/32")
		nettest.Eventually(t, "the log tells of the loss", func() bool { return log.count("has not added was removed") == i })
		nettest.Eventually(t, "the VIP is missing", func() bool { return slices.Equal(h.Missing(), []netip.Addr{service}) })
		if has(t, n, "front", "192.0.2.10/32") {
			t.Error("the director has added the VIP of another")
		}
		put()
		nettest.Eventually(t, "the log tells that it is back", func() bool { return log.count("is there again") == i })
		nettest.Eventually(t, "nothing is missing", func() bool { return len(h.Missing()) == 0 })
	}
	takeAway(t, n, "front", "192.0.2.10/32")
	nettest.Eventually(t, "the VIP is missing", func() bool { return slices.Equal(h.Missing(), []netip.Addr{service}) })
	if err := h.Set([]netip.Addr{netip.MustParseAddr("192.0.2.11")}, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.Missing(); len(got) != 0 {
		t.Errorf("%v are missing, want none without their service", got)
	}
}

// A VIP of ours is missing while the director gives way, and one that cannot be added is, too.
func TestMissing_HasWhatCannotBeHeld(t *testing.T) {
	n, _ := office(t)
	h, log := watching(t, vip.Config{VIPs: []netip.Addr{service}})
	for i := 1; i <= 4; i++ {
		takeAway(t, n, "front", "192.0.2.10/32")
		nettest.Eventually(t, "a line in the log", func() bool { return log.count(added)+log.count(slow) == i })
		if i < 4 {
			nettest.Eventually(t, "the VIP is back", func() bool { return has(t, n, "front", "192.0.2.10/32") })
		}
	}
	nettest.Eventually(t, "the VIP is missing", func() bool { return slices.Equal(h.Missing(), []netip.Addr{service}) })
	multicast := netip.MustParseAddr("224.0.0.9") // the kernel refuses it
	if err := h.Set([]netip.Addr{multicast}, nil); err == nil {
		t.Fatal("the kernel accepts the address, want one that it refuses")
	}
	if got := h.Missing(); !slices.Equal(got, []netip.Addr{multicast}) {
		t.Errorf("%v are missing, want %v", got, multicast)
	}
}

// The next refresh restores what is removed again and again.
func TestRun_RefreshRestoresWhatIsRemovedAgainAndAgain(t *testing.T) {
	n, _ := office(t)
	h := hold(t, vip.Config{VIPs: []netip.Addr{service}})
	h.RefreshEvery(50 * time.Millisecond)
	h.SettleAfter(time.Millisecond)
	run(t, h)
	for range 6 {
		nettest.Eventually(t, "the VIP is there", func() bool { return has(t, n, "front", "192.0.2.10/32") })
		takeAway(t, n, "front", "192.0.2.10/32")
	}
	nettest.Eventually(t, "the VIP is back", func() bool { return has(t, n, "front", "192.0.2.10/32") })
}

// A flush of the interface takes the addresses of others, too. Only ours come back.
func TestRun_RestoresOursAfterAFlush(t *testing.T) {
	n, _ := office(t)
	second := netip.MustParseAddr("192.0.2.11")
	n.Addr(t, "front", "192.0.2.12/32")
	watching(t, vip.Config{VIPs: []netip.Addr{service, second, netip.MustParseAddr("192.0.2.12")}})
	for _, a := range addrs(t, n, "front") {
		takeAway(t, n, "front", a)
	}
	nettest.Eventually(t, "both are back", func() bool { return len(addrs(t, n, "front")) == 2 })
	checkAddrs(t, n, "front", "192.0.2.10/32", "192.0.2.11/32")
}

func TestRun_RestoresALocalRoute(t *testing.T) {
	n, _ := office(t)
	_, log := watching(t, vip.Config{Prefixes: []netip.Prefix{marked}})
	dst, _ := netlink.ParseIPNet(marked.String())
	if err := n.RouteDel(&netlink.Route{Dst: dst, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_NOWHERE}); err != nil {
		t.Fatal(err)
	}
	nettest.Eventually(t, "the route is back", func() bool { return len(localRoutes(t, n)) == 1 && log.count(added) == 1 })
}

// What the director removes itself stays away, without a word.
func TestRun_LeavesAloneWhatTheDirectorRemoved(t *testing.T) {
	n, _ := office(t)
	second := netip.MustParseAddr("192.0.2.11")
	h, log := watching(t, vip.Config{VIPs: []netip.Addr{service, second}})
	if err := h.Set([]netip.Addr{second}, nil); err != nil {
		t.Fatal(err)
	}
	takeAway(t, n, "front", "192.0.2.11/32")
	nettest.Eventually(t, "the other is back", func() bool { return has(t, n, "front", "192.0.2.11/32") })
	if has(t, n, "front", "192.0.2.10/32") || log.count(added) != 1 {
		t.Errorf("%v, %d lines; want only 192.0.2.11 and one line", addrs(t, n, "front"), log.count(added))
	}
}

// A VIP that somebody moves to another interface is left there.
func TestRun_LeavesAVIPThatWasMoved(t *testing.T) {
	n, _ := office(t)
	_, log := watching(t, vip.Config{VIPs: []netip.Addr{service}})
	n.Addr(t, "back", "192.0.2.10/32")
	takeAway(t, n, "front", "192.0.2.10/32")
	nettest.Eventually(t, "the director sees it", func() bool { return log.count("has moved a VIP") == 1 })
	checkAddrs(t, n, "front", "192.0.2.1/24")
	checkAddrs(t, n, "back", "10.0.0.1/24", "192.0.2.10/32")
}

// A VIP whose interface is made again comes back on it.
func TestRun_FollowsAnInterfaceThatIsMadeAgain(t *testing.T) {
	n, peer := office(t)
	vlan := netip.MustParseAddr("198.51.100.10")
	n.Wire(t, "extra", peer, "extra", 1)
	n.Addr(t, "extra", "198.51.100.1/24")
	_, log := watching(t, vip.Config{VIPs: []netip.Addr{vlan}, First: "back"})
	checkAddrs(t, n, "extra", "198.51.100.1/24", "198.51.100.10/32")
	if err := n.LinkDel(n.Link(t, "extra")); err != nil {
		t.Fatal(err)
	}
	nettest.Eventually(t, "the director sees it", func() bool { return log.count("the interface of a VIP is gone") == 1 })
	n.Wire(t, "extra", peer, "extra", 1)
	n.Addr(t, "extra", "198.51.100.1/24")
	nettest.Eventually(t, "the VIP is back", func() bool { return has(t, n, "extra", "198.51.100.10/32") })
	checkAddrs(t, n, "back", "10.0.0.1/24")
}

// The log tells that the interface is gone also if the VIP was found missing before that.
func TestRun_TellsThatAnInterfaceIsGoneAfterItsVIP(t *testing.T) {
	n, peer := office(t)
	vlan := netip.MustParseAddr("198.51.100.10")
	n.Wire(t, "extra", peer, "extra", 1)
	n.Addr(t, "extra", "198.51.100.1/24")
	_, log := watching(t, vip.Config{VIPs: []netip.Addr{vlan}, First: "back"})
	for i := 1; i <= 3; i++ {
		takeAway(t, n, "extra", "198.51.100.10/32")
		nettest.Eventually(t, "the VIP is back", func() bool { return has(t, n, "extra", "198.51.100.10/32") })
		nettest.Eventually(t, "a line in the log", func() bool { return log.count(added) == i })
	}
	takeAway(t, n, "extra", "198.51.100.10/32")
	nettest.Eventually(t, "the director gives way", func() bool { return log.count(slow) == 1 })
	if err := n.LinkDel(n.Link(t, "extra")); err != nil {
		t.Fatal(err)
	}
	nettest.Eventually(t, "the director sees it", func() bool { return log.count("the interface of a VIP is gone") == 1 })
}

// announced reads the announcements that reach the peer until there is one for ip from mac.
func announced(t *testing.T, peer *nettest.Namespace, name string) func(ip string, mac packet.MAC) {
	t.Helper()
	end := &nettest.End{Namespace: peer, Name: name, Index: peer.Link(t, name).Attrs().Index}
	s := end.Socket(t)
	return func(ip string, mac packet.MAC) {
		t.Helper()
		nettest.Eventually(t, "an announcement of "+ip+" from "+mac.String(), func() bool {
			for _, f := range s.Take(1) {
				if len(f) >= 42 && f[12] == 8 && f[13] == 6 && packet.MAC(f[22:28]) == mac && netip.AddrFrom4([4]byte(f[28:32])).String() == ip {
					return true
				}
			}
			return false
		})
	}
}

// When the Ethernet address of a link changes, its addresses are announced again: the
// director's VIPs, those that somebody else has added, and the address of the host.
func TestRun_AnnouncesAnotherEthernetAddress(t *testing.T) {
	n, peer := office(t)
	n.Addr(t, "front", "192.0.2.12/32")
	expect := announced(t, peer, "front")
	watching(t, vip.Config{VIPs: []netip.Addr{service, netip.MustParseAddr("192.0.2.12")}, Interfaces: []string{"front"}})
	expect("192.0.2.10", packet.MAC(n.Link(t, "front").Attrs().HardwareAddr))
	renewed := packet.MAC{2, 0, 0, 0, 0x55, 0x66}
	if err := n.LinkSetHardwareAddr(n.Link(t, "front"), renewed[:]); err != nil {
		t.Fatal(err)
	}
	expect("192.0.2.10", renewed)
	expect("192.0.2.12", renewed)
	expect("192.0.2.1", renewed)
}

// When a link comes up, its VIPs are announced again. That of somebody else was not
// announced before.
func TestRun_AnnouncesOnALinkThatComesUp(t *testing.T) {
	n, peer := office(t)
	n.Addr(t, "front", "192.0.2.12/32")
	expect := announced(t, peer, "front")
	watching(t, vip.Config{VIPs: []netip.Addr{service, netip.MustParseAddr("192.0.2.12")}})
	mac := packet.MAC(n.Link(t, "front").Attrs().HardwareAddr)
	expect("192.0.2.10", mac) // the director has looked at the link
	n.Down(t, "front")
	n.Up(t, "front")
	expect("192.0.2.12", mac)
}

// So are they after an interruption that is over when the director looks at the host.
func TestRun_AnnouncesAfterAShortInterruption(t *testing.T) {
	n, peer := office(t)
	n.Addr(t, "front", "192.0.2.12/32")
	expect := announced(t, peer, "front")
	h := hold(t, vip.Config{VIPs: []netip.Addr{service, netip.MustParseAddr("192.0.2.12")}})
	h.RefreshEvery(never)
	h.SettleAfter(2 * time.Second) // longer than the kernel takes to notice a carrier
	run(t, h)
	mac := packet.MAC(n.Link(t, "front").Attrs().HardwareAddr)
	expect("192.0.2.10", mac)
	n.Down(t, "front")
	n.Up(t, "front")
	expect("192.0.2.12", mac)
}
