//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"director/internal/lab"
	"director/internal/lab/web"
	"director/service"
)

const (
	echoPort       = 7 // RFC 862
	echoServerPort = 7007
	echoClients    = 8 // sockets; each of the 4 servers gets the same number of them
)

// maxDatagram is larger than any datagram, in bytes.
const maxDatagram = 1 << 16

// echoSizes are the lengths in bytes of the datagrams that every client socket sends: empty,
// shorter than the minimum Ethernet frame, an odd number, for which the checksum needs
// padding, and nearly the largest that fits in a tunnel.
var echoSizes = []int{0, 1, 64, 777, 1400}

// TestUDP_IsEchoedFromTheVirtualAddress sends datagrams of all sizes from several sockets.
// Every datagram must come back unchanged. Each server must get the same number of sockets,
// and all datagrams of a socket. Some sockets on both sides send no checksum (RFC 768), in
// all four combinations.
func TestUDP_IsEchoedFromTheVirtualAddress(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		servers := startEcho(t, l)
		startDirector(t, l, ioKind, l.Rules("udp", "rr", echoPort, echoServerPort)...)
		for i := range echoClients {
			c := openUDP(t, l.Clients[0], netip.AddrPortFrom(l.Clients[0].Addr, 0), i >= echoClients/2)
			for _, n := range echoSizes {
				echo(t, c, netip.AddrPortFrom(l.VIP, echoPort), n)
			}
		}
		for _, s := range servers {
			got := s.received()
			if want := echoClients / len(servers); len(got) != want {
				t.Errorf("%s got datagrams from the client sockets %v, want %d sockets", s.name, got, want)
			}
			for from, n := range got {
				if want := len(echoSizes); from.Addr() != l.Clients[0].Addr || n != want {
					t.Errorf("%s received %d datagrams from %v, want %d from %v", s.name, n, from, want, l.Clients[0].Addr)
				}
			}
		}
	})
}

// echo sends n bytes to the service and waits until they come back.
func echo(t *testing.T, c *net.UDPConn, to netip.AddrPort, n int) {
	t.Helper()
	sendDatagram(t, c, to, n)
	receiveDatagram(t, c, to, n)
}

// sendDatagram sends n bytes to the service.
func sendDatagram(t *testing.T, c *net.UDPConn, to netip.AddrPort, n int) {
	t.Helper()
	must(t, c.SetDeadline(time.Now().Add(patience)))
	if _, err := c.WriteToUDPAddrPort(echoBytes(n), to); err != nil {
		t.Fatal(err)
	}
}

// receiveDatagram waits until the n bytes of sendDatagram come back.
func receiveDatagram(t *testing.T, c *net.UDPConn, to netip.AddrPort, n int) {
	t.Helper()
	b := make([]byte, maxDatagram)
	got, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatalf("no answer to %d bytes from %v: %v", n, c.LocalAddr(), err)
	}
	if same := bytes.Equal(b[:got], echoBytes(n)); from != to || !same {
		t.Errorf("sent %d bytes to %v, got %d from %v, equal: %v", n, to, got, from, same)
	}
}

// echoBytes returns n bytes that are the same in each call.
func echoBytes(n int) []byte {
	b, _ := io.ReadAll(web.Bytes(int64(n))) // the reader cannot fail
	return b
}

// echoServer sends datagrams back and counts them for each client.
type echoServer struct {
	name string
	conn *net.UDPConn

	mu    sync.Mutex
	count map[netip.AddrPort]int
}

// startEcho starts an echo server on each real server. With direct routing and tunnelling
// the servers listen on the virtual address, because they must reply from it.
func startEcho(t *testing.T, l *lab.Lab) []*echoServer {
	t.Helper()
	var servers []*echoServer
	for i, h := range l.Servers {
		at := netip.AddrPortFrom(l.VIP, echoPort)
		if l.Method == service.NAT {
			at = netip.AddrPortFrom(h.Addr, echoServerPort)
		}
		s := &echoServer{
			name:  h.Name,
			conn:  openUDP(t, h, at, i%2 == 1),
			count: make(map[netip.AddrPort]int),
		}
		go s.serve()
		servers = append(servers, s)
	}
	return servers
}

// serve sends each datagram back until the socket is closed.
func (s *echoServer) serve() {
	b := make([]byte, maxDatagram)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.count[from]++
		s.mu.Unlock()
		_, _ = s.conn.WriteToUDPAddrPort(b[:n], from) // the client reports missing datagrams
	}
}

// received returns the number of datagrams from each client socket.
func (s *echoServer) received() map[netip.AddrPort]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.count)
}

// openUDP opens a socket on a host, until the end of the test. With noChecksum it sends
// datagrams without a checksum.
func openUDP(t *testing.T, h *lab.Host, at netip.AddrPort, noChecksum bool) *net.UDPConn {
	t.Helper()
	p, err := h.ListenPacket("udp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	c := p.(*net.UDPConn)
	if !noChecksum {
		return c
	}
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1) })
	if err != nil || set != nil {
		t.Fatal(fmt.Errorf("%s: switch off the checksum: %w, %w", h.Name, err, set))
	}
	return c
}
