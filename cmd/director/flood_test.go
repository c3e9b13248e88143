//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/control/api"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
	"director/service"
	"director/view/figures"
)

const (
	stickyPort = 81 // of the service with persistence; demoPort and echoPort have none

	// floodTable is the number of connections that fit. An entry lives for more than a
	// second at the rates of an ordinary machine, so a client whose packet was lost in a full
	// queue can repeat it. With the race detector the director is slower.
	floodTable  = 1 << (16 - 3*raced)
	floodMade   = 2 * floodTable // connections that the director makes in each flood
	floodMost   = 8 * floodMade  // forged frames that are sent for that, at most
	floodChunk  = 500            // forged frames that are sent at once
	floodAhead  = 3              // chunks that the director has not handled yet
	floodOpen   = 20             // connections of each service that are established before
	floodTurns  = 12             // of each of them, before the floods
	floodRound  = 20             // chunks that are sent before it is asked how many it made
	floodComing = 8              // clients of each service that begin a connection in each of these rounds

	floodMemory  = 8 << 20     // bytes by which the memory of the director may grow
	floodPause   = time.Second // before a client repeats a datagram, as resolvers do
	floodRepeats = 60
)

// floodNet has the addresses of the forged clients (RFC 2544).
var floodNet = netip.MustParsePrefix("198.18.0.0/15")

// floodKind is a kind of forged traffic.
type floodKind struct {
	name     string
	port     int // of the service
	udp      bool
	flags    []string // of the segments of each forged client, in turn
	answered bool     // the servers answer
}

var (
	floodKinds = []floodKind{
		{name: "SYNs with persistence", port: stickyPort, flags: []string{"S"}}, // uses all parts of the table
		{name: "SYNs", port: demoPort, flags: []string{"S"}},
		{name: "SYNs that are answered", port: demoPort, flags: []string{"S"}, answered: true},
		{name: "datagrams", port: echoPort, udp: true},
		{name: "datagrams that are answered", port: echoPort, udp: true, answered: true},
	}
	floodPorts = []int{demoPort, stickyPort, echoPort}
)

// TestFlood_NeitherLosesAConnectionNorShutsAClientOut sends forged traffic of several kinds
// as fast as the director can handle it, one kind after another, to a director with a small
// table. The table is full at once and stays full. No established connection may be lost,
// new clients of all services must be served, and the director must not need more memory. A
// flood ends when the director has made so many connections that they fill the table twice.
func TestFlood_NeitherLosesAConnectionNorShutsAClientOut(t *testing.T) {
	for _, c := range []struct {
		method service.Method
		io     string
	}{{service.NAT, "xdp"}, {service.NAT, "packet"}, {service.DR, "xdp"}, {service.TUN, "packet"}} {
		t.Run(c.method.String()+" "+c.io, func(t *testing.T) {
			l := labtest.New(t, lab.Config{Method: c.method, Servers: 2, Offloads: c.io == "packet"})
			d := startCtl(t, l, c.io, append(floodRules(l), fmt.Sprintf("--conn-table-size=%d", floodTable))...)
			f := newFlooded(t, l, d)
			for i, kind := range floodKinds {
				if f.suffer(kind); f.Failed() {
					return
				}
				if i == 0 {
					f.memory = resident(t, d.Director)
				}
			}
			f.exchange(f.established)
			f.eachHasOneServer()
			if now := resident(t, d.Director); now > f.memory+floodMemory {
				t.Errorf("the director has %d bytes of memory, %d after the first flood", now, f.memory)
			}
		})
	}
}

// floodRules returns the rules of three services that share their servers.
func floodRules(l *lab.Lab) []string {
	rules := append(httpRules(l), l.Rules("udp", "rr", echoPort, echoServerPort)...)
	for _, rule := range l.Rules("tcp", "rr", stickyPort, demoServerPort) {
		if strings.HasPrefix(rule, "-A") {
			rule += " -p 3600"
		}
		rules = append(rules, rule)
	}
	return rules
}

// flooded is a director under a flood, with clients that talk to its services.
type flooded struct {
	*testing.T
	lab         *lab.Lab
	director    ctlDirector
	ports       atomic.Int64 // of the client that were used
	echo        []*echoServer
	established []talk
	memory      uint64 // of the director after the first flood, in bytes
}

// talk is a connection of a client that is not forged.
type talk interface {
	// say sends something to the service, which must send it back.
	say() error
	Close() error
}

// newFlooded starts the servers and the established connections.
func newFlooded(t *testing.T, l *lab.Lab, d ctlDirector) *flooded {
	t.Helper()
	f := &flooded{T: t, lab: l, director: d}
	ports := []int{demoServerPort}
	if l.Method != service.NAT {
		ports = []int{demoPort, stickyPort}
	}
	for _, h := range l.Servers {
		for _, port := range ports {
			serve(t, h, port, echoLines)
		}
	}
	f.echo = startEcho(t, l)
	for _, port := range floodPorts {
		for range floodOpen {
			c, err := f.begin(port)
			must(t, err)
			t.Cleanup(func() { c.Close() })
			f.established = append(f.established, c)
		}
	}
	for range floodTurns {
		f.exchange(f.established)
	}
	return f
}

// echoLines sends each line of a connection back.
func echoLines(c net.Conn) {
	for s := bufio.NewScanner(c); s.Scan(); {
		fmt.Fprintln(c, s.Text())
	}
}

// begin returns a new connection with a service.
func (f *flooded) begin(port int) (talk, error) {
	client := f.lab.Clients[0]
	from := netip.AddrPortFrom(client.Addr, uint16(2000+f.ports.Add(1)%60_000)).String()
	to := netip.AddrPortFrom(f.lab.VIP, uint16(port)).String()
	ctx, cancel := context.WithTimeout(f.Context(), patience)
	defer cancel()
	if port == echoPort {
		c, err := client.Dial(ctx, "udp4", from, to)
		return datagrams{c}, err
	}
	c, err := client.Dial(ctx, "tcp4", from, to)
	return lines{c}, err
}

// exchange lets all connections say something. None may be lost.
func (f *flooded) exchange(all []talk) {
	f.Helper()
	for _, c := range all {
		if err := c.say(); err != nil {
			f.Errorf("an established connection was lost: %v", err)
		}
	}
}

// lines is a connection by TCP.
type lines struct{ net.Conn }

func (c lines) say() error {
	const line = "still there\n"
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write([]byte(line)); err != nil {
		return err
	}
	if got, err := bufio.NewReader(c).ReadString('\n'); got != line {
		return fmt.Errorf("%v: got %q, %w, want the line", c.LocalAddr(), got, err)
	}
	return nil
}

// datagrams is a client that sends datagrams, and repeats one that is not answered.
type datagrams struct{ net.Conn }

func (c datagrams) say() (err error) {
	b := make([]byte, 64)
	for range floodRepeats {
		if _, err = c.Write([]byte("still there")); err != nil {
			continue // the last one was answered by an ICMP error
		}
		if err = c.SetReadDeadline(time.Now().Add(floodPause)); err != nil {
			return err
		}
		if _, err = c.Read(b); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%v: %w", c.LocalAddr(), err)
}

// eachHasOneServer checks that no datagram of an established client went to another server.
func (f *flooded) eachHasOneServer() {
	f.Helper()
	servers := map[netip.AddrPort]int{}
	for _, s := range f.echo {
		for client := range s.received() {
			servers[client]++
		}
	}
	for _, c := range f.established {
		if d, ok := c.(datagrams); ok {
			if n := servers[d.LocalAddr().(*net.UDPAddr).AddrPort()]; n != 1 {
				f.Errorf("%v: the datagrams went to %d servers, want one", d.LocalAddr(), n)
			}
		}
	}
}

// suffer sends the flood of one kind. Meanwhile half of the established connections are
// used, and clients begin new connections with all services.
func (f *flooded) suffer(kind floodKind) {
	f.Helper()
	f.answerForged(kind.answered)
	made, begin := f.made(), time.Now()
	var all sync.WaitGroup
	var over atomic.Bool
	fresh := map[int]*newcomers{}
	for _, port := range floodPorts {
		n := &newcomers{turns: make(chan struct{}, floodComing)}
		fresh[port] = n
		for range floodComing {
			all.Go(func() { n.come(f, port) })
		}
	}
	all.Go(func() {
		defer over.Store(true)
		err := f.forge(kind, func(sent int) (enough bool) {
			enough = f.made() >= made+floodMade || sent >= floodMost || f.Failed()
			for _, n := range fresh {
				n.let(enough)
			}
			return enough
		})
		if err != nil {
			f.Errorf("%s: %v", kind.name, err)
		}
	})
	all.Go(func() {
		var busy []talk
		for i, c := range f.established {
			if i%2 == 0 {
				busy = append(busy, c)
			}
		}
		for !over.Load() && !f.Failed() {
			f.exchange(busy)
		}
	})
	all.Wait()
	made, took := f.made()-made, time.Since(begin)
	said := ""
	for _, port := range floodPorts {
		n := fresh[port]
		said += fmt.Sprintf(", port %d: %d of %d", port, n.served.Load(), n.made.Load())
		if lost := n.made.Load() - n.served.Load(); lost*100 > n.made.Load() {
			f.Errorf("%s: %d of %d new connections to port %d failed", kind.name, lost, n.made.Load(), port)
		}
		if err := n.failure.Load(); err != nil {
			f.Logf("%s: one of the failures: %v", kind.name, *err)
		}
	}
	if made < floodMade && !f.Failed() {
		f.Errorf("%s: the director made %d connections, want %d", kind.name, made, floodMade)
	}
	f.Logf("%s: %d connections made in %v, %d bytes of memory; new clients served%s", kind.name, made, took.Round(time.Millisecond), resident(f.T, f.director.Director), said)
}

// newcomers are the clients of one service that begin connections during a flood.
type newcomers struct {
	turns        chan struct{} // each lets one client begin
	made, served atomic.Int64
	failure      atomic.Pointer[error] // of one that was not served
}

// let lets each client begin a connection, unless it is still busy. If that is enough, no
// client begins another one.
func (n *newcomers) let(enough bool) {
	if enough {
		close(n.turns)
		return
	}
	for range floodComing {
		select {
		case n.turns <- struct{}{}:
		default:
		}
	}
}

// come begins connections until those of the flood are enough.
func (n *newcomers) come(f *flooded, port int) {
	for range n.turns {
		n.made.Add(1)
		c, err := f.begin(port)
		if err == nil {
			err = errors.Join(c.say(), c.Close())
		}
		if err != nil {
			n.failure.Store(&err)
			continue
		}
		n.served.Add(1)
	}
}

// answerForged makes the servers answer forged clients, or not.
func (f *flooded) answerForged(answer bool) {
	f.Helper()
	for _, h := range f.lab.Servers {
		hole := &netlink.Route{Dst: &net.IPNet{IP: floodNet.Addr().AsSlice(), Mask: net.CIDRMask(floodNet.Bits(), 32)}, Type: unix.RTN_BLACKHOLE}
		err := h.Link.RouteDel(hole)
		if !answer {
			err = h.Link.RouteAdd(hole)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			f.Fatal(err)
		}
	}
}

// made returns how many connections the director has made.
func (f *flooded) made() (n uint64) {
	client := api.Open(f.director.Control())
	defer client.Close()
	var now figures.Figures
	must(f.T, client.Do(f.Context(), http.MethodGet, "/v1/statistics", nil, &now))
	for i := range now.Workers {
		n += now.Workers[i].Conns
	}
	return n
}

var residentPattern = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// resident returns the memory of a director in bytes.
func resident(t *testing.T, d *process.Director) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID()))
	must(t, err)
	found := residentPattern.FindSubmatch(text)
	if found == nil {
		t.Fatalf("no resident memory in\n%s", text)
	}
	n, err := strconv.ParseUint(string(found[1]), 10, 64)
	must(t, err)
	return n << 10
}
