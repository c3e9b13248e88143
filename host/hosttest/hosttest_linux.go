// Package hosttest gives tests network namespaces of their own: they have no
// name, so nothing is left behind however a test ends.
package hosttest

import (
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Net is a network namespace and a netlink handle into it.
type Net struct {
	*netlink.Handle
	ns netns.NsHandle
}

// Root skips t, with the reason, unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: network namespaces and capabilities")
	}
}

// Enter moves the goroutine of t into a fresh namespace for good: its thread
// ends with the test.
func Enter(t testing.TB) *Net {
	t.Helper()
	Root(t)
	runtime.LockOSThread()
	n, err := unshare()
	return n.ready(t, err)
}

// New makes a namespace that nobody is in, the other end of a wire.
func New(t testing.TB) *Net {
	t.Helper()
	Root(t)
	var n *Net
	err := onThread(func() (err error) {
		n, err = unshare()
		return err
	})
	return n.ready(t, err)
}

// Do runs f on a thread inside n and waits for it.
func (n *Net) Do(t testing.TB, f func() error) {
	t.Helper()
	err := onThread(func() error {
		if err := netns.Set(n.ns); err != nil {
			return err
		}
		return f()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Wire connects name here and peerName in peer by a veth pair with that many
// queues at both ends, and sets both up.
func (n *Net) Wire(t testing.TB, name string, peer *Net, peerName string, queues int) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.NumRxQueues, attrs.NumTxQueues = name, queues, queues
	err := n.LinkAdd(&netlink.Veth{
		LinkAttrs:       attrs,
		PeerName:        peerName,
		PeerNamespace:   netlink.NsFd(peer.ns),
		PeerNumRxQueues: uint32(queues),
		PeerNumTxQueues: uint32(queues),
	})
	if err != nil {
		t.Fatalf("veth %s: %v", name, err)
	}
	n.Up(t, name)
	peer.Up(t, peerName)
}

// Link looks an interface up.
func (n *Net) Link(t testing.TB, name string) netlink.Link {
	t.Helper()
	l, err := n.LinkByName(name)
	if err != nil {
		t.Fatalf("link %s: %v", name, err)
	}
	return l
}

// Up sets an interface up.
func (n *Net) Up(t testing.TB, name string) {
	t.Helper()
	if err := n.LinkSetUp(n.Link(t, name)); err != nil {
		t.Fatalf("set %s up: %v", name, err)
	}
}

// Down sets an interface down.
func (n *Net) Down(t testing.TB, name string) {
	t.Helper()
	if err := n.LinkSetDown(n.Link(t, name)); err != nil {
		t.Fatalf("set %s down: %v", name, err)
	}
}

// Addr adds an address such as "10.0.0.1/24" to an interface.
func (n *Net) Addr(t testing.TB, name, cidr string) {
	t.Helper()
	a, err := netlink.ParseAddr(cidr)
	if err == nil {
		err = n.AddrAdd(n.Link(t, name), a)
	}
	if err != nil {
		t.Fatalf("add %s to %s: %v", cidr, name, err)
	}
}

// Route adds a route to dst by way of gateway.
func (n *Net) Route(t testing.TB, dst, gateway string) {
	t.Helper()
	p, err := netlink.ParseIPNet(dst)
	if err == nil {
		err = n.RouteAdd(&netlink.Route{Dst: p, Gw: net.ParseIP(gateway)})
	}
	if err != nil {
		t.Fatalf("route %s by %s: %v", dst, gateway, err)
	}
}

// Eventually waits until cond holds. The deadline is generous: it is there to
// end a test that has failed.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting after 20 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (n *Net) ready(t testing.TB, err error) *Net {
	t.Helper()
	if err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() {
		n.Close()
		n.ns.Close()
	})
	n.Up(t, "lo")
	return n
}

// unshare moves the calling thread into a fresh namespace.
func unshare() (*Net, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		ns.Close()
		return nil, err
	}
	return &Net{h, ns}, nil
}

// onThread runs f on a thread that ends with it, so that whatever f did to the
// thread is gone.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}
