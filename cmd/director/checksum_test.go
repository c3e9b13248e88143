//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/nettest"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// The tests of this file use veth pairs as the kernel makes them: the stacks at both ends
// leave checksums to their interfaces, which do not complete them.

// ordinary are the ways of AF_XDP in a network that keeps its offloads.
var ordinary = []way{
	{"xdp", []string{"--io=xdp", "--xdp-mode=copy"}, true},
	{"generic xdp", []string{"--io=xdp", "--xdp-mode=generic"}, true},
}

// TestChecksum_PartialOnesAreCompleted fetches pages, some by curl, with every method. No host
// may receive a wrong checksum, and no frame of the director may have one.
func TestChecksum_PartialOnesAreCompleted(t *testing.T) {
	for _, method := range []service.Method{service.NAT, service.DR, service.TUN} {
		for _, w := range ordinary {
			t.Run(method.String()+" "+w.name, func(t *testing.T) {
				t.Parallel()
				l := labtest.New(t, lab.Config{Method: method, Servers: 2, Offloads: true})
				startWeb(t, l)
				d := launch(t, l, w)
				judge := judgeChecksums(t, l)
				for range len(l.Servers) {
					fetchByCurl(t, l)
				}
				browse(t, l, l.Clients[0].Addr, 20)
				judge()
				native := w.name == ordinary[0].name
				if native {
					exchangeBytes(t, l)
				}
				// In generic mode the hosts must not leave segmentation to their interfaces.
				if warned := strings.Contains(d.Log(), "ethtool -K PEER tso off"); warned == native {
					t.Errorf("a warning about long packets: %v, want %v", warned, !native)
				}
				for _, h := range append(l.Servers, l.Clients...) {
					if n := kernelCounters(t, h)["Tcp.InCsumErrors"]; n != 0 {
						t.Errorf("%s received %d segments with a wrong checksum", h.Name, n)
					}
				}
				completed, wrong := checksumMetrics(t, l)
				if completed == 0 || wrong != 0 {
					t.Errorf("%d checksums completed and %d wrong, want some and none", completed, wrong)
				}
				if strings.Contains(d.Log(), "wrong checksums") {
					t.Error("the director warns of wrong checksums")
				}
			})
		}
	}
}

// judgeChecksums opens packet sockets on the switch, where the director's frames arrive,
// and returns a function that judges the frames which have arrived since.
func judgeChecksums(t *testing.T, l *lab.Lab) (judge func()) {
	t.Helper()
	var sockets []int
	for _, dev := range l.Interfaces() {
		sockets = append(sockets, openTap(t, l.Switch, l.Director.Name+"-"+dev))
	}
	return func() {
		t.Helper()
		judged := 0
		for _, fd := range sockets {
			for frame := readTap(t, fd); frame != nil; frame = readTap(t, fd) {
				if packet.Eth(frame).Type() != packet.EtherTypeIPv4 {
					continue
				}
				judged++
				if _, err := packettest.Read(frame); err != nil {
					t.Errorf("the director sent a frame with an error: %v: %x", err, frame)
				}
			}
		}
		if judged == 0 {
			t.Error("no frame of the director was seen")
		}
	}
}

// openTap opens a packet socket that receives what arrives at an interface.
func openTap(t *testing.T, h *lab.Host, dev string) (fd int) {
	t.Helper()
	link, err := h.Link.LinkByName(dev)
	must(t, err)
	must(t, h.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	}))
	t.Cleanup(func() { unix.Close(fd) })
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8 // both architectures of director are little-endian
	must(t, errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Attrs().Index})))
	return fd
}

// readTap returns the next frame, or nil if there is none.
func readTap(t *testing.T, fd int) []byte {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, err := unix.Read(fd, buf)
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	must(t, err)
	return buf[:n]
}

// TestChecksum_OfTheServersOwnTraffic has a real server reach a host through the director's
// kernel, which gets the segments back with complete checksums: it would drop others.
func TestChecksum_OfTheServersOwnTraffic(t *testing.T) {
	for _, w := range ordinary {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.New(t, lab.Config{Servers: 1, Offloads: true})
			launch(t, l, w)
			// The segments come from the port of the service, so the director gets them.
			serve(t, l.Clients[0], demoPort, func(c net.Conn) { _, _ = c.Write([]byte("hello")) })
			from := netip.AddrPortFrom(l.Servers[0].Addr, demoServerPort).String()
			to := netip.AddrPortFrom(l.Clients[0].Addr, demoPort).String()
			c, err := l.Servers[0].Dial(t.Context(), "tcp4", from, to)
			must(t, err)
			defer c.Close()
			must(t, c.SetDeadline(time.Now().Add(patience)))
			if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
				t.Errorf("got %q, %v, want a greeting", got, err)
			}
		})
	}
}

// TestChecksum_WrongOnesAreAnnounced sends segments with a wrong checksum, for which there
// is no other sign than a time-out. The director tells of them in its log, on the page and
// in the metrics.
func TestChecksum_WrongOnesAreAnnounced(t *testing.T) {
	for _, w := range append(ordinary, packetIO) {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			l := labtest.New(t, lab.Config{Servers: 1, Offloads: true})
			d := launch(t, l, w)
			send := wrongSender(t, l)
			nettest.Eventually(t, "the alert on the page", func() bool {
				send()
				return strings.Contains(fetchFromDirector(t, l, "/", 200), "Packets with wrong checksums arrive at eth0")
			})
			if _, wrong := checksumMetrics(t, l); wrong == 0 {
				t.Error("no metric counts the wrong checksums")
			}
			const warning = "packets with wrong checksums arrive"
			nettest.Eventually(t, "the warning", func() bool { return strings.Contains(d.Log(), warning) })
			if n := strings.Count(d.Log(), warning); n != 1 {
				t.Errorf("%d lines of the log tell of wrong checksums, want 1", n)
			}
		})
	}
}

// wrongSender returns a function that sends a SYN with a wrong checksum from the client to
// the virtual address.
func wrongSender(t *testing.T, l *lab.Lab) (send func()) {
	t.Helper()
	client, err := l.Clients[0].Link.LinkByName("eth0")
	must(t, err)
	director, err := l.Director.Link.LinkByName("eth0")
	must(t, err)
	frame := packettest.Frame{
		SrcMAC: packet.MAC(client.Attrs().HardwareAddr), DstMAC: packet.MAC(director.Attrs().HardwareAddr), Flags: "S",
		Src: netip.AddrPortFrom(l.Clients[0].Addr, 40000).String(), Dst: netip.AddrPortFrom(l.VIP, demoPort).String(),
	}.Bytes()
	frame[packet.EthLen+packet.IPv4Len+17] ^= 1
	fd := openTap(t, l.Clients[0], "eth0")
	return func() {
		_, err := unix.Write(fd, frame)
		must(t, err)
	}
}

// fetchByCurl fetches a page through the director with curl.
func fetchByCurl(t *testing.T, l *lab.Lab) {
	t.Helper()
	cmd := exec.Command(program(t, "curl"), "--silent", "--show-error", "--max-time", fmt.Sprint(patience.Seconds()),
		fmt.Sprintf("http://%s:%d/", l.VIP, demoPort))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, l.Clients[0].Start(cmd))
	if err := cmd.Wait(); err != nil || said.Len() == 0 {
		t.Errorf("curl: %v and %q, want a page", err, said.String())
	}
}

// checksumMetrics returns how many checksums the director has completed and how many it
// found wrong.
func checksumMetrics(t *testing.T, l *lab.Lab) (completed, wrong int) {
	t.Helper()
	for line := range strings.Lines(fetchFromDirector(t, l, "/metrics", 200)) {
		var n int
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		_, _ = fmt.Sscan(value, &n)
		switch {
		case strings.HasPrefix(name, "director_interface_checksum_completed_total"):
			completed += n
		case strings.HasPrefix(name, "director_interface_checksum_wrong_total"):
			wrong += n
		}
	}
	return completed, wrong
}
