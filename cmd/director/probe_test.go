//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netlink"

	"director/bench/fetch"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
	"director/internal/nettest"
)

// way is a kind of I/O, and the flags that select it.
type way struct {
	name     string
	flags    []string
	offloads bool // the offloads of the lab's interfaces stay on
}

var (
	nativeXDP  = way{"xdp", []string{"--io=xdp", "--xdp-mode=copy"}, false}
	genericXDP = way{"generic xdp", []string{"--io=xdp", "--xdp-mode=generic"}, false}
	packetIO   = way{"packet", []string{"--io=packet"}, true}
)

// eachWay runs a test with each kind of I/O in ways, each in a lab of its own, in parallel
// as everyWay does.
func eachWay(t *testing.T, c lab.Config, ways []way, test func(t *testing.T, l *lab.Lab, w way)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			c := c
			c.Offloads = w.offloads
			test(t, labtest.New(t, c), w)
		})
	}
}

// launch starts a director for the lab's web servers. The test stops it. If it still runs
// when the test ends, it is killed.
func launch(t *testing.T, l *lab.Lab, w way) *process.Director {
	t.Helper()
	return launchWith(t, l, w, httpRules(l))
}

// launchWith is launch with other rules.
func launchWith(t *testing.T, l *lab.Lab, w way, rules []string) *process.Director {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	flags := append(l.Flags(), rules...)
	d, err := process.Start(ctx, l.Director, directorCommand(append([]string{"run"}, w.flags...)...), flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the director's log:\n%s", d.Log())
		}
	})
	return d
}

// browse makes n HTTP requests through the director, from an address of the client. It
// fails the test unless each request is answered.
func browse(t *testing.T, l *lab.Lab, from netip.Addr, n int) {
	t.Helper()
	browseAt(t, l.Clients[0], from, l.VIP, n)
}

// browseAt is browse for any client and any virtual address.
func browseAt(t *testing.T, client *lab.Host, from, vip netip.Addr, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	local := netip.AddrPortFrom(from, 0).String()
	to := netip.AddrPortFrom(vip, demoPort).String()
	r := fetch.Run(ctx, fetch.Config{
		Dial:     func(ctx context.Context) (net.Conn, error) { return client.Dial(ctx, "tcp4", local, to) },
		Requests: n, Concurrency: 8, Timeout: patience,
	})
	if got := len(r.Latencies); got != n {
		t.Errorf("got %d answers, want %d: %v, for example %v", got, n, r.Errors, r.First)
	}
}

// shell is a long connection between the client and a server on the director's own address.
// As in an SSH session, the client sends lines and the server sends them back.
type shell struct {
	lines atomic.Int64 // number of lines that have come back
	err   chan error
}

// openShell opens the connection. The client sends lines until the test ends.
func openShell(t *testing.T, l *lab.Lab) *shell {
	t.Helper()
	address := fmt.Sprintf("%s:22", l.Front)
	listener, err := l.Director.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return // the client reports the error
		}
		defer c.Close()
		_, _ = io.Copy(c, c) // until the client closes the connection
	}()
	c, err := l.Clients[0].Dial(t.Context(), "tcp4", "", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s := &shell{err: make(chan error, 1)}
	go func() { s.err <- s.exchangeLines(c) }()
	return s
}

// exchangeLines sends a line per millisecond and waits until each comes back. It returns
// the first error.
func (s *shell) exchangeLines(c net.Conn) error {
	in := bufio.NewReader(c)
	for {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		want := fmt.Sprintf("line %d\n", s.lines.Load())
		if _, err := io.WriteString(c, want); err != nil {
			return err
		}
		got, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		s.lines.Add(1)
		time.Sleep(time.Millisecond)
	}
}

// wantEcho fails the test unless lines that are sent from now on come back.
func (s *shell) wantEcho(t *testing.T, when string) {
	t.Helper()
	from := s.lines.Load()
	nettest.Eventually(t, "lines come back "+when, func() bool {
		select {
		case err := <-s.err:
			t.Fatalf("the connection between the client and the director's host failed %s: %v", when, err)
		default:
		}
		return s.lines.Load() >= from+2
	})
}

// ping sends an echo request from a host and fails unless it is answered.
func ping(t *testing.T, h *lab.Host, to netip.Addr) {
	t.Helper()
	c, err := h.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := gopacket.NewSerializeBuffer()
	request := &layers.ICMPv4{
		TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0),
		Id:       uint16(os.Getpid()),
		Seq:      1,
	}
	err = gopacket.SerializeLayers(body, gopacket.SerializeOptions{ComputeChecksums: true}, request, gopacket.Payload("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteTo(body.Bytes(), &net.IPAddr{IP: to.AsSlice()}); err != nil {
		t.Fatalf("ping %s: %v", to, err)
	}
	for buf := make([]byte, 1500); ; {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			t.Fatalf("ping %s: %v", to, err)
		}
		// The reply equals the request except for the type and the checksum.
		if from.String() == to.String() && n == len(body.Bytes()) && buf[0] == layers.ICMPv4TypeEchoReply &&
			bytes.Equal(buf[4:n], body.Bytes()[4:]) {
			return
		}
	}
}

// kernelCounters returns the counters of a host's /proc/net/snmp, such as Tcp.OutRsts.
func kernelCounters(t *testing.T, h *lab.Host) map[string]uint64 {
	t.Helper()
	var text []byte
	err := h.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	counters := make(map[string]uint64)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i := 0; i+1 < len(lines); i += 2 { // a line of names, a line of values
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for k := 1; k < len(names); k++ {
			n, err := strconv.ParseInt(values[k], 10, 64) // Tcp.MaxConn is -1
			if err != nil {
				t.Fatalf("%s %s: %v", names[0], names[k], err)
			}
			counters[strings.TrimSuffix(names[0], ":")+"."+names[k]] = uint64(n)
		}
	}
	return counters
}

// remains lists what a director can leave on a host.
type remains struct {
	vips      []netlink.Addr // addresses that are not the lab's own
	neighbors []string       // neighbour entries that the kernel keeps resolved
	programs  []string       // XDP and tc programs
	devices   []string       // for reinjection into the kernel
}

// hostRemains returns the changes that a director has made to its host.
func hostRemains(t *testing.T, l *lab.Lab) remains {
	t.Helper()
	var r remains
	h := l.Director
	links, err := h.Link.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, dev := range links {
		a := dev.Attrs()
		if strings.HasPrefix(a.Name, "dir-") {
			r.devices = append(r.devices, a.Name)
		}
		if a.Xdp != nil && a.Xdp.Attached {
			r.programs = append(r.programs, "xdp on "+a.Name)
		}
		for _, hook := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
			if n := tcPrograms(t, h, a.Index, hook); n > 0 {
				r.programs = append(r.programs, fmt.Sprintf("%d %s on %s", n, hook, a.Name))
			}
		}
	}
	addrs, err := h.Link.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, _ := netip.AddrFromSlice(a.IP.To4()); ip != l.Front && ip != l.Back && !ip.IsLoopback() {
			r.vips = append(r.vips, a)
		}
	}
	neighbors, err := h.Link.NeighList(0, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range neighbors {
		if n.FlagsExt&netlink.NTF_EXT_MANAGED != 0 {
			r.neighbors = append(r.neighbors, n.IP.String())
		}
	}
	return r
}

// tcPrograms counts the programs on an interface's tcx hook.
func tcPrograms(t *testing.T, h *lab.Host, ifindex int, hook ebpf.AttachType) int {
	t.Helper()
	var n int
	err := h.Do(func() error {
		q, err := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: hook})
		if errors.Is(err, os.ErrNotExist) { // no program was ever attached
			return nil
		}
		if err == nil {
			n = len(q.Programs)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantNoRemains fails unless all changes of a director to its host are undone.
func wantNoRemains(t *testing.T, l *lab.Lab) {
	t.Helper()
	if r := hostRemains(t, l); len(r.vips)+len(r.neighbors)+len(r.programs)+len(r.devices) > 0 {
		t.Errorf("the director left %+v, want nothing", r)
	}
}
