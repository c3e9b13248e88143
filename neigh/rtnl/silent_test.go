package rtnl_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"

	"director/internal/nettest"
	"director/neigh"
	"director/neigh/rtnl"
	"director/packet"
)

// hurry shortens the time after which the kernel gives up a neighbour on eth0.
func hurry(t *testing.T, n *nettest.Namespace) {
	t.Helper()
	n.Sysctl(t, "net/ipv4/neigh/eth0/retrans_time_ms", "50")
}

func silent(s neigh.Snapshot, ip string) bool {
	return slices.ContainsFunc(s.Silent, func(n neigh.Silent) bool { return n.IP == addr(ip) })
}

func servers(all ...string) (list []packet.Addr) {
	for _, a := range all {
		list = append(list, packet.MustAddr(a))
	}
	return list
}

// A next hop that has not answered is silent until it answers, although the kernel asks it
// again and again. Then it is known at once.
func TestSilent_UntilItAnswers(t *testing.T) {
	n, peer := lan(t)
	hurry(t, n)
	w, _ := start(t, rtnl.Config{})
	w.Serve(servers("10.0.0.11", "10.0.0.99"))
	await(t, w, "10.0.0.99 is silent", func(s neigh.Snapshot) bool { return silent(s, "10.0.0.99") })
	asked := false
	nettest.Eventually(t, "the kernel asks again", func() bool {
		if e, ok := kernelEntry(t, n, "10.0.0.99"); ok && e.State&netlink.NUD_INCOMPLETE != 0 {
			asked = true
		}
		if !silent(w.Snapshot(), "10.0.0.99") {
			t.Fatal("it is silent no longer, but has not answered")
		}
		return asked
	})
	peer.Addr(t, "eth0", "10.0.0.99/24")
	await(t, w, "10.0.0.99 answers", func(s neigh.Snapshot) bool {
		known := mac(s, "10.0.0.99") == linkMAC(t, peer, "eth0")
		if known == silent(s, "10.0.0.99") {
			t.Errorf("known: %v, and silent: the same", known)
		}
		return known
	})
	if silent(w.Snapshot(), "10.0.0.11") {
		t.Error("10.0.0.11, which has answered, is silent")
	}
}

// A link that goes down ends the silence of the neighbours behind it: when it comes up, they
// are asked for the first time.
func TestSilent_NotBehindALinkThatIsDown(t *testing.T) {
	n, peer := lan(t)
	hurry(t, n)
	w, _ := start(t, rtnl.Config{})
	w.Serve(servers("10.0.0.99"))
	await(t, w, "it is silent", func(s neigh.Snapshot) bool { return silent(s, "10.0.0.99") })
	peer.Down(t, "eth0")
	await(t, w, "the link is down", func(s neigh.Snapshot) bool { return !eth0(s).Up && !silent(s, "10.0.0.99") })
	peer.Up(t, "eth0")
	await(t, w, "it is silent again", func(s neigh.Snapshot) bool { return eth0(s).Up && silent(s, "10.0.0.99") })
}

// Confirm finds out that a neighbour which has answered is gone.
func TestConfirm_NoticesThatANeighborIsGone(t *testing.T) {
	n, peer := lan(t)
	hurry(t, n)
	w, _ := start(t, rtnl.Config{})
	w.Serve(servers("10.0.0.11"))
	await(t, w, "it is known", func(s neigh.Snapshot) bool { return !mac(s, "10.0.0.11").IsZero() })
	w.Confirm(packet.MustAddr("10.0.0.11"), 0)
	w.Confirm(packet.MustAddr("10.0.0.11"), 9) // no such interface
	gone, err := netlink.ParseAddr("10.0.0.11/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.AddrDel(peer.Link(t, "eth0"), gone); err != nil {
		t.Fatal(err)
	}
	nettest.Eventually(t, "it is silent", func() bool {
		w.Confirm(packet.MustAddr("10.0.0.11"), 0)
		return silent(w.Snapshot(), "10.0.0.11")
	})
	if e, ok := kernelEntry(t, n, "10.0.0.11"); !ok || e.FlagsExt&netlink.NTF_EXT_MANAGED == 0 {
		t.Errorf("the kernel's entry: %+v, %v; want it managed still", e, ok)
	}
}

// The entry of a next hop that has never answered goes with its server, even if a frame to
// it made the kernel create the entry before.
func TestServe_ForgetsANeighborThatNeverAnswered(t *testing.T) {
	n, _ := lan(t)
	hurry(t, n)
	use := &netlink.Neigh{LinkIndex: n.Link(t, "eth0").Attrs().Index, IP: net.ParseIP("10.0.0.98"), Flags: netlink.NTF_USE}
	if err := n.NeighSet(use); err != nil {
		t.Fatal(err)
	}
	w, _ := start(t, rtnl.Config{})
	w.Serve(servers("10.0.0.98", "10.0.0.99"))
	await(t, w, "both are silent", func(s neigh.Snapshot) bool { return silent(s, "10.0.0.98") && silent(s, "10.0.0.99") })
	w.Serve(nil)
	nettest.Eventually(t, "no entry is left", func() bool { return len(kernelEntries(t, n)) == 0 })
}

// abandon runs a Watch for these servers, and ends it as if its process were killed.
func abandon(t *testing.T, all ...string) {
	t.Helper()
	w := open(t, rtnl.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	w.Serve(servers(all...))
	w.Resolve(t.Context())
	cancel()
	running.Wait()
}

// A director takes over what a killed one has left in the neighbour table. It removes at
// once what it does not need, and the rest at its end. Looking changes nothing.
func TestRun_TakesOverFromADirectorThatWasKilled(t *testing.T) {
	n, peer := lan(t)
	hurry(t, n)
	peer.Addr(t, "eth0", "10.0.0.12/24")
	setNeighbor(t, n, "10.0.0.254", netlink.NUD_NONE, netlink.NTF_EXT_MANAGED, packet.MAC{}) // of another program
	abandon(t, "10.0.0.11", "10.0.0.12", "10.0.0.99", "10.0.0.254")
	if err := open(t, rtnl.Config{}).Close(); err != nil {
		t.Fatal(err)
	}
	if left := len(kernelEntries(t, n)); left != 4 {
		t.Fatalf("%d entries left, want 4: the test shows nothing", left)
	}
	w, stop := start(t, rtnl.Config{})
	w.Serve(servers("10.0.0.11"))
	nettest.Eventually(t, "what is not needed goes", func() bool {
		_, needed := kernelEntry(t, n, "10.0.0.11")
		return needed && len(kernelEntries(t, n)) == 2
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if left := kernelEntries(t, n); len(left) != 1 || left[0].IP.String() != "10.0.0.254" {
		t.Errorf("left in the kernel: %+v, want the other program's only", left)
	}
}
