package afpacket_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// host is a network namespace of the test's own, without a name: it and the
// devices in it are gone when the test ends, however that happens.
type host struct {
	t  testing.TB
	ns netns.NsHandle
	nl *netlink.Handle
}

func requireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces and packet sockets need root")
	}
}

func newHost(t testing.TB) *host {
	t.Helper()
	h := &host{t: t}
	onThread(func() (err error) {
		h.ns, err = netns.New()
		return err
	}, t.Fatal)
	nl, err := netlink.NewHandleAt(h.ns)
	if err != nil {
		t.Fatal(err)
	}
	h.nl = nl
	t.Cleanup(func() {
		nl.Close()
		h.ns.Close()
	})
	return h
}

// onThread runs f on a thread that is thrown away afterwards, so that f may
// change its namespace.
func onThread(f func() error, fail func(...any)) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	if err := <-done; err != nil {
		fail(err)
	}
}

// do runs f inside the host.
func (h *host) do(f func() error) {
	h.t.Helper()
	onThread(func() error {
		if err := netns.Set(h.ns); err != nil {
			return err
		}
		return f()
	}, h.t.Fatal)
}

// connect joins two hosts by a veth pair that is up; the ends are named
// v0-PID and so on by the number.
func connect(a, b *host, number int) (nameA, nameB string) {
	a.t.Helper()
	nameA, nameB = fmt.Sprintf("v%d-%d", number, os.Getpid()), fmt.Sprintf("v%d-%d", number+1, os.Getpid())
	attrs := netlink.NewLinkAttrs()
	attrs.Name = nameA
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: nameB, PeerNamespace: netlink.NsFd(b.ns)}
	if err := a.nl.LinkAdd(pair); err != nil {
		a.t.Fatal(err)
	}
	a.setUp(nameA, true)
	b.setUp(nameB, true)
	waitFor(a.t, "carrier", func() bool {
		return a.link(nameA).Attrs().OperState == netlink.OperUp && b.link(nameB).Attrs().OperState == netlink.OperUp
	})
	return nameA, nameB
}

func (h *host) link(name string) netlink.Link {
	h.t.Helper()
	l, err := h.nl.LinkByName(name)
	if err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	return l
}

func (h *host) setUp(name string, up bool) {
	h.t.Helper()
	set := h.nl.LinkSetDown
	if up {
		set = h.nl.LinkSetUp
	}
	if err := set(h.link(name)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) addAddr(name, cidr string) {
	h.t.Helper()
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.nl.AddrAdd(h.link(name), a); err != nil {
		h.t.Fatal(err)
	}
}

// offload switches offloads of an interface on or off.
func (h *host) offload(name string, on bool, commands ...uint32) {
	h.t.Helper()
	h.do(func() error {
		for _, c := range commands {
			if err := ethtoolSet(name, c, on); err != nil {
				return fmt.Errorf("%s: ethtool command %#x: %w", name, c, err)
			}
		}
		return nil
	})
}

// raw opens a packet socket that sends on and receives from an interface.
func (h *host) raw(name string) int {
	h.t.Helper()
	var fd int
	h.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		if err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			return err
		}
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: h.link(name).Attrs().Index})
	})
	h.t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// listen opens a TCP listener inside the host.
func (h *host) listen(addr string) net.Listener {
	h.t.Helper()
	var l net.Listener
	h.do(func() (err error) {
		l, err = net.Listen("tcp4", addr)
		return err
	})
	h.t.Cleanup(func() { l.Close() })
	return l
}

// dial connects from inside the host.
func (h *host) dial(network, addr string) net.Conn {
	h.t.Helper()
	var c net.Conn
	h.do(func() (err error) {
		c, err = net.DialTimeout(network, addr, 10*time.Second)
		return err
	})
	h.t.Cleanup(func() { c.Close() })
	return c
}

// waitFor asks until the answer is yes.
func waitFor(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !yes(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		readable(-1, 1)
	}
}

// readable waits until fd is readable, or has an error, for at most ms.
func readable(fd int, ms int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, ms)
	return err == nil && n == 1
}
