//go:build linux

package lab_test

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/internal/lab"
)

// routeVIP has the director's kernel forward the virtual address to a server.
func routeVIP(t *testing.T, l *lab.Lab, rs *lab.Host) {
	t.Helper()
	addVIPRoute(t, l, netlink.Route{Gw: rs.Addr.AsSlice()})
}

// tunnelVIP stands in for a director that tunnels: what comes to the virtual
// address leaves in an outer header, by a raw socket, to a server.
func tunnelVIP(t *testing.T, l *lab.Lab, rs *lab.Host) {
	t.Helper()
	addVIPRoute(t, l, netlink.Route{Type: unix.RTN_BLACKHOLE}) // the kernel must not answer
	tap := socket(t, l.Director, unix.AF_PACKET, unix.SOCK_DGRAM, int(htons(unix.ETH_P_IP)))
	outer := socket(t, l.Director, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_IPIP)
	raw, err := outer.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	to := &unix.SockaddrInet4{Addr: rs.Addr.As4()}
	vip := l.VIP.As4()
	go func() {
		buf := make([]byte, 2048)
		for {
			n, err := tap.Read(buf)
			if err != nil {
				return
			}
			if n >= 20 && [4]byte(buf[16:20]) == vip {
				_ = raw.Write(func(fd uintptr) bool { return unix.Sendto(int(fd), buf[:n], 0, to) != unix.EAGAIN })
			}
		}
	}()
}

func addVIPRoute(t *testing.T, l *lab.Lab, r netlink.Route) {
	t.Helper()
	r.Dst = &net.IPNet{IP: l.VIP.AsSlice(), Mask: net.CIDRMask(32, 32)}
	if err := l.Director.Link.RouteAdd(&r); err != nil {
		t.Fatalf("route to the virtual address: %v", err)
	}
}

// socket opens a socket in a host as a file that Close wakes up from Read.
func socket(t *testing.T, h *lab.Host, domain, kind, proto int) *os.File {
	t.Helper()
	var f *os.File
	err := h.Do(func() error {
		fd, err := unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
		if err != nil {
			return err
		}
		// A burst of a whole window must fit.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20); err != nil {
			unix.Close(fd)
			return err
		}
		f = os.NewFile(uintptr(fd), "socket")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// received is how many bytes have come in by all interfaces of a host.
func received(t *testing.T, h *lab.Host) uint64 {
	t.Helper()
	links, err := h.Link.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var n uint64
	for _, l := range links {
		n += l.Attrs().Statistics.RxBytes
	}
	return n
}

// neighbor is the Ethernet address that a host has for an IP address.
func neighbor(t *testing.T, h *lab.Host, ip netip.Addr) net.HardwareAddr {
	t.Helper()
	ns, err := h.Link.NeighList(0, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range ns {
		if n.IP.Equal(ip.AsSlice()) {
			return n.HardwareAddr
		}
	}
	return nil
}

func host32(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, 32) }
