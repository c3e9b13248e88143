//go:build linux

package main

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/service"
)

// largeSizes are the lengths in bytes of datagrams that need fragments: from one byte more
// than fits in a packet to 22 fragments.
var largeSizes = []int{1473, 8000, 8192, 16_001, 32_000}

const largeClients = 8 // sockets

// TestFragments_OfLargeDatagrams sends datagrams of several kilobytes, which the servers
// send back. With masquerading the director gets the fragments of both directions, with the
// other methods only the client's. With two workers, the fragments of a datagram may reach
// different workers, because only the first fragment has ports to hash. One worker gets all
// fragments, which is the simpler case. It is therefore tested with masquerading only.
func TestFragments_OfLargeDatagrams(t *testing.T) {
	for _, method := range []service.Method{service.NAT, service.DR, service.TUN} {
		for _, ioKind := range []string{"xdp", "packet"} {
			for workers := 1; workers <= 2; workers++ {
				if workers == 1 && method != service.NAT {
					continue
				}
				t.Run(fmt.Sprintf("%v %s %d", method, ioKind, workers), func(t *testing.T) {
					t.Parallel()
					largeDatagrams(t, ioKind, lab.Config{
						Method: method, Offloads: ioKind == "packet", Queues: [2]int{workers, workers},
					})
				})
			}
		}
	}
}

func largeDatagrams(t *testing.T, ioKind string, c lab.Config) {
	l := labtest.New(t, c)
	if c.Method == service.TUN {
		for _, h := range l.Servers {
			decapsulate(t, h)
		}
	}
	servers := startEcho(t, l)
	d := startDirector(t, l, ioKind, l.Rules("udp", "rr", echoPort, echoServerPort)...)
	to := netip.AddrPortFrom(l.VIP, echoPort)
	clients := make([]*net.UDPConn, largeClients)
	for i := range clients {
		clients[i] = openUDP(t, l.Clients[0], netip.AddrPortFrom(l.Clients[0].Addr, 0), i >= largeClients/2)
	}
	for _, n := range largeSizes {
		for _, c := range clients {
			sendDatagram(t, c, to, n)
		}
		for _, c := range clients {
			receiveDatagram(t, c, to, n)
		}
	}
	for _, s := range servers {
		if got, want := len(s.received()), largeClients/len(servers); got != want {
			t.Errorf("%s got datagrams from %d client sockets, want %d", s.name, got, want)
		}
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := len(workerFrames(t, d)); got != c.Queues[0] {
		t.Errorf("got %d workers in the log, want %d", got, c.Queues[0])
	}
}

// decapsulate makes a server remove the outer header of tunnelled datagrams that arrive in
// fragments, until the test ends. The BPF program of the lab removes outer headers from
// single frames and does not handle fragments. The kernel reassembles them, as for an ipip
// device, and passes them to a raw socket. A second raw socket sends the inner datagrams to
// the loopback interface.
func decapsulate(t *testing.T, h *lab.Host) {
	t.Helper()
	tunnel, err := h.ListenPacket("ip4:4", "0.0.0.0")
	must(t, err)
	var inner int
	must(t, h.Do(func() (err error) {
		inner, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	}))
	done := make(chan struct{})
	t.Cleanup(func() {
		tunnel.Close()
		<-done
		unix.Close(inner)
	})
	go func() {
		defer close(done)
		b := make([]byte, maxDatagram)
		for {
			n, _, err := tunnel.ReadFrom(b) // without the outer header
			if err != nil {
				return
			}
			to := &unix.SockaddrInet4{Addr: [4]byte(b[16:20])}
			_ = unix.Sendto(inner, b[:n], 0, to) // the client reports missing datagrams
		}
	}()
}
