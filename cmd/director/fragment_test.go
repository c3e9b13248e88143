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

// largeSizes are the lengths of datagrams that go in fragments: a little more
// than fits one packet, and up to two dozen of them.
var largeSizes = []int{1473, 8000, 8192, 16_001, 32_000}

const largeClients = 8 // sockets

// TestFragments_OfLargeDatagrams has datagrams of several kilobytes echoed. By
// masquerading the director sees the fragments of both directions, else only
// the client's. Which worker gets a fragment is the network's choice: later
// ones have no ports to choose by. One worker, who gets all of them, has less to do
// than each of two, and is tried by masquerading alone.
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
			shout(t, c, to, n)
		}
		for _, c := range clients {
			hear(t, c, to, n)
		}
	}
	for _, s := range servers {
		if got, want := len(s.received()), largeClients/len(servers); got != want {
			t.Errorf("%s has %d client sockets, want %d", s.name, got, want)
		}
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := len(workerFrames(t, d)); got != c.Queues[0] {
		t.Errorf("%d workers, want %d", got, c.Queues[0])
	}
}

// decapsulate has a server take the outer header off datagrams that arrive in
// fragments, until the end of the test. The lab's program sees frames, and
// leaves those alone. The kernel puts them together, as for an ipip device, and
// gives them to a raw socket; from another one they go to the loopback.
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
			_ = unix.Sendto(inner, b[:n], 0, to) // the client tells of what is missing
		}
	}()
}
