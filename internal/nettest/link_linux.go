package nettest

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"director/packet"
)

// End is one end of a wire: an interface and its namespace.
type End struct {
	*Namespace
	Name  string
	Index int
	MAC   packet.MAC
}

// Pair makes two namespaces and connects them by a wire. Its ends have the given number of
// queues and the addresses 10.77.0.1/24 and 10.77.0.2/24. IPv6 is off, so that the kernel
// sends nothing by itself.
func Pair(t testing.TB, queues int) (near, far *End) {
	t.Helper()
	a, b := New(t), New(t)
	for _, n := range []*Namespace{a, b} {
		n.Sysctl(t, "net/ipv6/conf/default/disable_ipv6", "1")
	}
	near, far = a.Wire(t, Name("near"), b, Name("far"), queues)
	near.Addr(t, near.Name, "10.77.0.1/24")
	far.Addr(t, far.Name, "10.77.0.2/24")
	return near, far
}

// Name returns a name for an interface. It consists of the interface's purpose and the
// process id, by which it can be found in the kernel's log.
func Name(role string) string { return fmt.Sprintf("%s%d", role, os.Getpid()) }

// Wire makes a veth pair of name in n and peerName in peer, with that number of queues at
// both ends. It sets both ends up and waits for their carrier.
func (n *Namespace) Wire(t testing.TB, name string, peer *Namespace, peerName string, queues int) (here, there *End) {
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
	// Frames may be lost before both ends have a carrier.
	Eventually(t, "carrier of "+name, func() bool {
		return n.Link(t, name).Attrs().OperState == netlink.OperUp &&
			peer.Link(t, peerName).Attrs().OperState == netlink.OperUp
	})
	return n.end(t, name), peer.end(t, peerName)
}

func (n *Namespace) end(t testing.TB, name string) *End {
	t.Helper()
	attrs := n.Link(t, name).Attrs()
	return &End{Namespace: n, Name: name, Index: attrs.Index, MAC: packet.MAC(attrs.HardwareAddr)}
}

// Link returns an interface.
func (n *Namespace) Link(t testing.TB, name string) netlink.Link {
	t.Helper()
	l, err := n.LinkByName(name)
	if err != nil {
		t.Fatalf("link %s: %v", name, err)
	}
	return l
}

// Up sets an interface up.
func (n *Namespace) Up(t testing.TB, name string) {
	t.Helper()
	if err := n.LinkSetUp(n.Link(t, name)); err != nil {
		t.Fatalf("set %s up: %v", name, err)
	}
}

// Down sets an interface down.
func (n *Namespace) Down(t testing.TB, name string) {
	t.Helper()
	if err := n.LinkSetDown(n.Link(t, name)); err != nil {
		t.Fatalf("set %s down: %v", name, err)
	}
}

// Addr adds an address such as "10.0.0.1/24" to an interface.
func (n *Namespace) Addr(t testing.TB, name, cidr string) {
	t.Helper()
	a, err := netlink.ParseAddr(cidr)
	if err == nil {
		err = n.AddrAdd(n.Link(t, name), a)
	}
	if err != nil {
		t.Fatalf("add %s to %s: %v", cidr, name, err)
	}
}

// Route adds a route to dst through gateway.
func (n *Namespace) Route(t testing.TB, dst, gateway string) {
	t.Helper()
	p, err := netlink.ParseIPNet(dst)
	if err == nil {
		err = n.RouteAdd(&netlink.Route{Dst: p, Gw: net.ParseIP(gateway)})
	}
	if err != nil {
		t.Fatalf("route %s by %s: %v", dst, gateway, err)
	}
}

// Sysctl writes a setting of the namespace; name is the path below /proc/sys.
func (n *Namespace) Sysctl(t testing.TB, name, value string) {
	t.Helper()
	n.Do(t, func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
}
