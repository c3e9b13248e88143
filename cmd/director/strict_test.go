//go:build linux

package main

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/nettest"
	"director/internal/packettest"
	"director/packet"
)

// TestStrict_BlindResetsAreNotBelieved keeps idle connections open while a stranger sends
// resets in the clients' name. Their servers ignore them, and so does the director, as long
// as --tcp-strict is on. A reset that a client sends itself ends the connection.
func TestStrict_BlindResetsAreNotBelieved(t *testing.T) {
	const conns = 20
	for _, ioKind := range []string{"xdp", "packet"} {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s strict=%v", ioKind, strict), func(t *testing.T) {
				t.Parallel()
				l := labtest.New(t, lab.Config{Servers: 1, Clients: 2, Offloads: ioKind == "packet"})
				serve(t, l.Servers[0], demoServerPort, func(c net.Conn) {
					for s := bufio.NewScanner(c); s.Scan(); {
						fmt.Fprintln(c, s.Text())
					}
				})
				d := startCtl(t, l, ioKind, append(httpRules(l), fmt.Sprintf("--tcp-strict=%v", strict))...)
				open, dial := make([]net.Conn, conns), dialer(l, demoPort)
				for i := range open {
					c, err := dial(t.Context())
					must(t, err)
					defer c.Close()
					open[i] = c
					echoLine(t, c)
				}
				reset := blindResets(t, l)
				for _, c := range open {
					reset(c.LocalAddr().(*net.TCPAddr).Port)
				}
				echoLine(t, open[0]) // the frames before it were handled, too
				want := 0
				if strict {
					want = conns
				}
				nettest.Eventually(t, fmt.Sprintf("%d established connections", want), func() bool {
					return d.established(t) == want
				})
				if !strict {
					return
				}
				for _, c := range open {
					echoLine(t, c)
					must(t, c.(*net.TCPConn).SetLinger(0))
					c.Close()
				}
				nettest.Eventually(t, "the end of all connections", func() bool { return d.established(t) == 0 })
			})
		}
	}
}

// echoLine sends a line through a connection and fails unless it comes back.
func echoLine(t *testing.T, c net.Conn) {
	t.Helper()
	fmt.Fprintln(c, "still there")
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "still there\n" || err != nil {
		t.Fatalf("got %q, %v, want the line", line, err)
	}
}

var establishedPattern = regexp.MustCompile(`(?m)^TCP \S+ +ESTABLISHED `)

// established returns the number of connections in ESTABLISHED.
func (d ctlDirector) established(t *testing.T) int {
	t.Helper()
	return len(establishedPattern.FindAllString(d.rule(t, "-Lcn"), -1))
}

// blindResets returns a function that sends a reset in the name of a port of the first
// client, with a sequence number that is not right. The second client sends it.
func blindResets(t *testing.T, l *lab.Lab) func(port int) {
	t.Helper()
	stranger, err := l.Clients[1].Link.LinkByName("eth0")
	must(t, err)
	director, err := l.Director.Link.LinkByName("eth0")
	must(t, err)
	fd := openTap(t, l.Clients[1], "eth0")
	return func(port int) {
		t.Helper()
		frame := packettest.Frame{
			SrcMAC: packet.MAC(stranger.Attrs().HardwareAddr), DstMAC: packet.MAC(director.Attrs().HardwareAddr),
			Src: netip.AddrPortFrom(l.Clients[0].Addr, uint16(port)).String(), Dst: netip.AddrPortFrom(l.VIP, demoPort).String(),
			Flags: "R", Seq: 12345,
		}.Bytes()
		_, err := unix.Write(fd, frame)
		must(t, err)
	}
}
