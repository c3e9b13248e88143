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

// TestHost_StaysItselfWhenTheDirectorStops ends the director by SIGTERM, while
// a client works on the director's host. Nothing of the director is left.
func TestHost_StaysItselfWhenTheDirectorStops(t *testing.T) {
	eachWay(t, lab.Config{VIPOnLink: true}, []way{nativeXDP, genericXDP, packetIO},
		func(t *testing.T, l *lab.Lab, w way) {
			outlives(t, l, w, func(d *process.Director) {
				if err := d.Stop(); err != nil {
					t.Fatal(err)
				}
				wantNoRemains(t, l)
			})
		})
}

// TestHost_StaysItselfWhenTheDirectorIsKilled ends it by SIGKILL. The kernel
// releases its interfaces. The VIP is removed when its lifetime ends. The remaining
// neighbour entries have no effect.
func TestHost_StaysItselfWhenTheDirectorIsKilled(t *testing.T) {
	eachWay(t, lab.Config{VIPOnLink: true}, []way{nativeXDP, genericXDP, packetIO},
		func(t *testing.T, l *lab.Lab, w way) {
			outlives(t, l, w, func(d *process.Director) {
				if err := d.Kill(); err != nil {
					t.Fatal(err)
				}
				nettest.Eventually(t, "the programs and devices of a killed director go", func() bool {
					r := hostRemains(t, l)
					return len(r.programs)+len(r.devices) == 0
				})
				wantMortalVIP(t, l)
			})
		})
}

// outlives has a client work on the director's own host, and ping it, before a
// director runs there, while it forwards, after end has ended it, and while a
// second one runs.
func outlives(t *testing.T, l *lab.Lab, w way, end func(*process.Director)) {
	client := l.Clients[0]
	startWeb(t, l)
	s := openShell(t, l)
	s.works(t, "before the director runs")
	d := launch(t, l, w)
	if r := hostRemains(t, l); len(r.vips) == 0 || len(r.programs) == 0 || len(r.neighbors) == 0 || len(r.devices) == 0 {
		t.Fatalf("the test does not see what a director does to its host: %+v", r)
	}
	browsed := make(chan struct{})
	go func() {
		defer close(browsed)
		browse(t, l, client.Addr, 300)
	}()
	s.works(t, "while the director runs")
	ping(t, client, l.Front)
	ping(t, client, l.VIP)
	wantDirectorsMAC(t, l)
	<-browsed
	s.works(t, "after balanced traffic")
	end(d)
	s.works(t, "after the director's end")
	ping(t, client, l.Front)

	next := launch(t, l, w)
	browse(t, l, client.Addr, 50)
	ping(t, client, l.VIP)
	s.works(t, "while the next director runs")
	if err := next.Stop(); err != nil {
		t.Fatal(err)
	}
	if r := hostRemains(t, l); len(r.vips)+len(r.programs)+len(r.devices) > 0 {
		t.Errorf("left behind by the next director: %+v, want nothing", r)
	}
}

// wantDirectorsMAC fails unless the client has learnt by ARP that the VIP is
// the director's. The director's own announcements teach it nothing: Linux
// takes an address from those only when it has an entry already.
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
			t.Errorf("the client has %s for the VIP, want the director's %s", n.HardwareAddr, want)
		}
		return
	}
	t.Errorf("the client got no answer when it asked for the VIP %s: %v", l.VIP, list)
}

// wantMortalVIP fails unless the VIP is all that is left of the addresses, for
// a minute at most.
func wantMortalVIP(t *testing.T, l *lab.Lab) {
	t.Helper()
	vips := hostRemains(t, l).vips
	if len(vips) != 1 || vips[0].IP.String() != l.VIP.String() {
		t.Fatalf("addresses left behind: %v, want the VIP %s", vips, l.VIP)
	}
	if life := vips[0].ValidLft; life <= 0 || life > vipLifetime {
		t.Errorf("the VIP lives for %d s, want 1 to %d", life, vipLifetime)
	}
}

// TestHost_ChecksItsServersWhileItsKernelStaysOut has the host ask every real
// server's service port how it is, under strict rp_filter, while clients'
// requests for the same servers go through the director. Of those the kernel
// neither answers nor forwards any.
func TestHost_ChecksItsServersWhileItsKernelStaysOut(t *testing.T) {
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
				t.Errorf("%s went up by %d, want 0: the kernel took part in balanced traffic", name, got)
			}
		}
		if after["Tcp.ActiveOpens"] == before["Tcp.ActiveOpens"] {
			t.Error("Tcp.ActiveOpens has not moved: these are not the director's counters")
		}
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		if gaveBack.MatchString(d.Log()) {
			t.Error("answers to the host's own checks went through the director")
		}
	})
}

// checkHealth asks a real server for its page from the director's host, on the
// server's own address.
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
		t.Errorf("health check of %s: %d bytes from %q, %v, want %d bytes from it", server.Name, len(body), got, err, web.PageSize)
	}
}
