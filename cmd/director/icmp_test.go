//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"

	"director/internal/lab"
)

// TestICMP_TellsClientsThatThereIsNoServer sets every weight to 0. Clients of TCP and UDP
// must be refused at once and not wait for a time-out. The TCP client is curl.
func TestICMP_TellsClientsThatThereIsNoServer(t *testing.T) {
	everyWay(t, lab.Config{Servers: 2}, func(t *testing.T, l *lab.Lab, ioKind string) {
		rules := append(httpRules(l), l.Rules("udp", "rr", echoPort, echoServerPort)...)
		for i := range rules {
			rules[i] = strings.TrimSuffix(rules[i], " -w 1")
			if strings.HasPrefix(rules[i], "-a") {
				rules[i] += " -w 0"
			}
		}
		startWeb(t, l)
		startEcho(t, l)
		startDirector(t, l, ioKind, rules...)
		wantRefusedCurl(t, l)
		wantRefusedUDP(t, l)
	})
}

// wantRefusedCurl fails unless curl reports that the connection is refused.
func wantRefusedCurl(t *testing.T, l *lab.Lab) {
	t.Helper()
	const refused = 7 // CURLE_COULDNT_CONNECT
	cmd := exec.Command(program(t, "curl"), "--silent", "--show-error", "--max-time", fmt.Sprint(patience.Seconds()),
		fmt.Sprintf("http://%s:%d/", l.VIP, demoPort))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, l.Clients[0].Start(cmd))
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != refused {
		t.Errorf("curl: got %v and %q, want exit %d, connection refused", err, said.String(), refused)
	}
}

// wantRefusedUDP fails unless the sender of a datagram gets an ICMP message "port unreachable".
func wantRefusedUDP(t *testing.T, l *lab.Lab) {
	t.Helper()
	c, err := l.Clients[0].Dial(t.Context(), "udp4", "", fmt.Sprintf("%s:%d", l.VIP, echoPort))
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = c.Write([]byte("hello"))
	must(t, err)
	if n, err := c.Read(make([]byte, 16)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %d bytes, %v, want connection refused", n, err)
	}
}

// TestICMP_ShowsTheDirectorAsAHop sends packets with a small TTL, as traceroute does. With
// a TTL of 1, the director must answer "time exceeded" from the virtual address. With a TTL
// of 2, the packet must reach the server.
func TestICMP_ShowsTheDirectorAsAHop(t *testing.T) {
	everyWay(t, lab.Config{Servers: 1}, func(t *testing.T, l *lab.Lab, ioKind string) {
		startWeb(t, l)
		startEcho(t, l)
		startDirector(t, l, ioKind, append(httpRules(l), l.Rules("udp", "rr", echoPort, echoServerPort)...)...)
		errs, err := l.Clients[0].ListenPacket("ip4:icmp", "0.0.0.0")
		must(t, err)
		defer errs.Close()
		must(t, errs.SetDeadline(time.Now().Add(patience)))

		probe := openUDP(t, l.Clients[0], netip.AddrPortFrom(l.Clients[0].Addr, 0), false)
		setTTL(t, probe, 1)
		sendDatagram(t, probe, netip.AddrPortFrom(l.VIP, echoPort), 100)
		wantTimeExceeded(t, errs, l.VIP, layers.IPProtocolUDP, probe.LocalAddr().(*net.UDPAddr).Port)
		setTTL(t, probe, 2)
		echo(t, probe, netip.AddrPortFrom(l.VIP, echoPort), 100)

		const from = 30_001
		sendSYN(t, l, from, 1)
		wantTimeExceeded(t, errs, l.VIP, layers.IPProtocolTCP, from)
	})
}

// sendSYN sends a SYN from a port of the client. hops is its TTL.
func sendSYN(t *testing.T, l *lab.Lab, port, hops int) {
	t.Helper()
	client := l.Clients[0]
	must(t, client.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(fd) })
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, hops),
			unix.Bind(fd, &unix.SockaddrInet4{Addr: client.Addr.As4(), Port: port}))
		if err != nil {
			return err
		}
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: l.VIP.As4(), Port: demoPort})
		if errors.Is(err, unix.EINPROGRESS) {
			return nil
		}
		return fmt.Errorf("connect: %w", err)
	}))
}

// wantTimeExceeded receives an ICMP message and fails unless it is "time exceeded", comes
// from the address at, and quotes a packet from a port of the client.
func wantTimeExceeded(t *testing.T, errs net.PacketConn, at netip.Addr, proto layers.IPProtocol, port int) {
	t.Helper()
	want := layers.CreateICMPv4TypeCode(layers.ICMPv4TypeTimeExceeded, layers.ICMPv4CodeTTLExceeded)
	b := make([]byte, maxDatagram)
	n, from, err := errs.ReadFrom(b) // without the outer header
	must(t, err)
	var icmp layers.ICMPv4
	var quoted layers.IPv4
	must(t, icmp.DecodeFromBytes(b[:n], gopacket.NilDecodeFeedback))
	must(t, quoted.DecodeFromBytes(icmp.Payload, gopacket.NilDecodeFeedback))
	got := int(binary.BigEndian.Uint16(quoted.Payload))
	if from.String() != at.String() || icmp.TypeCode != want || quoted.Protocol != proto || got != port {
		t.Errorf("got %v from %v about %v from port %d, want %v from %v about %v from port %d",
			icmp.TypeCode, from, quoted.Protocol, got, want, at, proto, port)
	}
}

// setTTL sets the TTL of the packets that c sends.
func setTTL(t *testing.T, c syscall.Conn, hops int) {
	t.Helper()
	raw, err := c.SyscallConn()
	must(t, err)
	var set error
	must(t, raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, hops) }))
	must(t, set)
}
