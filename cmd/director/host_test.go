//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/vishvananda/netlink"

	"director/internal/lab"
	"director/internal/lab/process"
	"director/internal/lab/web"
	"director/internal/nettest"
	"director/service"
)

// vipLifetime is the longest, in seconds, that a VIP may outlive a director.
const vipLifetime = 60

// TestHost_StaysReachableWhenTheDirectorStops stops the director with SIGTERM, while a
// client has a connection to the director's host. Nothing of the director must be left.
func TestHost_StaysReachableWhenTheDirectorStops(t *testing.T) {
	eachWay(t, lab.Config{VIPOnLink: true}, []way{nativeXDP, genericXDP, packetIO},
		func(t *testing.T, l *lab.Lab, w way) {
			testHostAccess(t, l, w, func(d *process.Director) {
				if err := d.Stop(); err != nil {
					t.Fatal(err)
				}
				wantNoRemains(t, l)
			})
		})
}

// TestHost_StaysReachableWhenTheDirectorIsKilled ends the director with SIGKILL. The
// kernel releases its interfaces. The VIP is removed when its lifetime ends. The remaining
// neighbour entries have no effect.
func TestHost_StaysReachableWhenTheDirectorIsKilled(t *testing.T) {
	eachWay(t, lab.Config{VIPOnLink: true}, []way{nativeXDP, genericXDP, packetIO},
		func(t *testing.T, l *lab.Lab, w way) {
			testHostAccess(t, l, w, func(d *process.Director) {
				if err := d.Kill(); err != nil {
					t.Fatal(err)
				}
				nettest.Eventually(t, "the programs and devices of a killed director are removed", func() bool {
					r := hostRemains(t, l)
					return len(r.programs)+len(r.devices) == 0
				})
				wantVIPExpires(t, l)
			})
		})
}

// testHostAccess checks that a client can use a connection to the director's host and can
// ping the host: before a director runs, while it forwards, after end has ended it, and
// while a second director runs.
func testHostAccess(t *testing.T, l *lab.Lab, w way, end func(*process.Director)) {
	client := l.Clients[0]
	startWeb(t, l)
	s := openShell(t, l)
	s.wantEcho(t, "before the director runs")
	d := launch(t, l, w)
	if r := hostRemains(t, l); len(r.vips) == 0 || len(r.programs) == 0 || len(r.neighbors) == 0 || len(r.devices) == 0 {
		t.Fatalf("a running director: %+v, want a VIP, programs, neighbours and devices: the test must see them", r)
	}
	browsed := make(chan struct{})
	go func() {
		defer close(browsed)
		browse(t, l, client.Addr, 300)
	}()
	s.wantEcho(t, "while the director runs")
	ping(t, client, l.Front)
	ping(t, client, l.VIP)
	wantDirectorsMAC(t, l)
	<-browsed
	s.wantEcho(t, "after balanced traffic")
	end(d)
	s.wantEcho(t, "after the director's end")
	ping(t, client, l.Front)

	next := launch(t, l, w)
	browse(t, l, client.Addr, 50)
	ping(t, client, l.VIP)
	s.wantEcho(t, "while the next director runs")
	if err := next.Stop(); err != nil {
		t.Fatal(err)
	}
	if r := hostRemains(t, l); len(r.vips)+len(r.programs)+len(r.devices) > 0 {
		t.Errorf("the next director left %+v, want nothing", r)
	}
}

// wantDirectorsMAC fails unless the client has the director's Ethernet address for the VIP
// in its neighbour table. The director must have answered an ARP request for that: Linux
// ignores an announcement if it has no entry for the address yet.
func wantDirectorsMAC(t *testing.T, l *lab.Lab) {
	t.Helper()
	want, err := l.Director.MAC("eth0")
	if err != nil {
		t.Fatal(err)
	}
	list, err := l.Clients[0].Link.NeighList(0, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range list {
		if n.IP.String() != l.VIP.String() {
			continue
		}
		if n.HardwareAddr.String() != want.String() {
			t.Errorf("the client has the Ethernet address %s for the VIP, want the director's %s", n.HardwareAddr, want)
		}
		return
	}
	t.Errorf("the client has no neighbour entry for the VIP %s, only %v", l.VIP, list)
}

// wantVIPExpires fails unless the VIP is the only address that the director has left, and
// its lifetime is limited to vipLifetime.
func wantVIPExpires(t *testing.T, l *lab.Lab) {
	t.Helper()
	vips := hostRemains(t, l).vips
	if len(vips) != 1 || vips[0].IP.String() != l.VIP.String() {
		t.Fatalf("the director left the addresses %v, want only the VIP %s", vips, l.VIP)
	}
	if life := vips[0].ValidLft; life <= 0 || life > vipLifetime {
		t.Errorf("the VIP has a lifetime of %d s, want 1 to %d", life, vipLifetime)
	}
}

// TestHost_HealthChecksWorkAndTheKernelIgnoresBalancedTraffic connects from the director's
// host to the service port of every real server, with strict rp_filter, while requests of
// clients to the same servers go through the director. The kernel must neither answer nor
// forward packets of these clients.
func TestHost_HealthChecksWorkAndTheKernelIgnoresBalancedTraffic(t *testing.T) {
	everyWay(t, lab.Config{StrictRPFilter: true}, func(t *testing.T, l *lab.Lab, ioKind string) {
		startWeb(t, l)
		d := startDirector(t, l, ioKind, httpRules(l)...)
		before := kernelCounters(t, l.Director)
		browsed := make(chan struct{})
		go func() {
			defer close(browsed)
			browse(t, l, l.Clients[0].Addr, 500)
		}()
		for range 10 {
			for _, h := range l.Servers {
				checkHealth(t, l, h)
			}
		}
		<-browsed
		after := kernelCounters(t, l.Director)
		for _, name := range []string{"Ip.ForwDatagrams", "Tcp.OutRsts", "Icmp.OutMsgs"} {
			if got := after[name] - before[name]; got != 0 {
				t.Errorf("%s increased by %d, want 0: the kernel answered or forwarded balanced traffic", name, got)
			}
		}
		if after["Tcp.ActiveOpens"] == before["Tcp.ActiveOpens"] {
			t.Error("Tcp.ActiveOpens has not increased: these are not the counters of the director's host")
		}
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		if leftToKernel.MatchString(d.Log()) {
			t.Error("the director got the replies to the host's own health checks, want the kernel to get them")
		}
	})
}

// checkHealth requests the page of a real server from the director's host, at the server's
// own address.
func checkHealth(t *testing.T, l *lab.Lab, server *lab.Host) {
	t.Helper()
	port := demoPort
	if l.Method == service.NAT {
		port = demoServerPort
	}
	address := fmt.Sprintf("%s:%d", server.Addr, port)
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return l.Director.Dial(ctx, "tcp4", "", address)
		},
	}}
	resp, err := client.Get("http://" + address + "/")
	if err != nil {
		t.Fatalf("health check of %s: %v", server.Name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if got := resp.Header.Get(web.NameHeader); err != nil || len(body) != web.PageSize || got != server.Name {
		t.Errorf("health check of %s: got %d bytes from %q, %v, want %d bytes from this server", server.Name, len(body), got, err, web.PageSize)
	}
}
