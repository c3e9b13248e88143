//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"director/bench/fetch"
	"director/control/api"
	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/service"
)

// The changes under load: the number of clients of each kind, and the number of rounds of
// each client. A round has changesPerRound changes.
const (
	changers        = 2
	changeRounds    = 42
	changesPerRound = 6
)

// TestLive_ChangesDoNotDisturbOtherServices makes a thousand changes: it adds, edits and
// removes services and servers, from several clients at once. Meanwhile clients open 200
// connections per second to a service that keeps its rules. No connection may fail. At the
// end the rules and addresses must be as before.
func TestLive_ChangesDoNotDisturbOtherServices(t *testing.T) {
	l := labtest.New(t, lab.Config{Method: service.NAT})
	startWeb(t, l)
	d := startCtl(t, l, "xdp", httpRules(l)...)
	before, addresses := d.rule(t, "-Sn"), directorAddresses(t, l)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var begun atomic.Int64 // connections of the load
	dial := dialer(l, demoPort)
	result := startSteadyLoad(ctx, func(ctx context.Context) (net.Conn, error) {
		begun.Add(1)
		return dial(ctx)
	})

	var changing sync.WaitGroup
	for i := range changers {
		changing.Go(func() { changeByCtl(t, d, i) })
		changing.Go(func() { changeByAPI(t, d, i) })
	}
	changing.Go(func() { changeLoadedService(t, l, d) })
	changing.Wait()
	// If the changes end before there were enough requests, more changes are made until then.
	// Requests that are aborted at the end are not counted.
	for begun.Load() < newConnsPerSecond+restartClients && t.Context().Err() == nil && !t.Failed() {
		changeByAPI(t, d, 0)
	}
	stop()

	if r := <-result; r.Failed() != 0 || r.Requests < newConnsPerSecond {
		t.Errorf("%d of %d requests failed: %v, for example %v", r.Failed(), r.Requests, r.Errors, r.First)
	}
	if after := d.rule(t, "-Sn"); after != before {
		t.Errorf("got these services after all changes:\n%s\nwant\n%s", after, before)
	}
	if after := directorAddresses(t, l); after != addresses {
		t.Errorf("got the addresses %s after all changes, want %s", after, addresses)
	}
}

// TestLive_AServiceThatIsAddedServes adds a service to a running director and removes it
// again. Before it is added, the director leaves its frames to the host.
func TestLive_AServiceThatIsAddedServes(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		d := startCtl(t, l, ioKind)
		for _, rule := range httpRules(l) {
			d.rule(t, "%s", rule)
		}
		if got := directorAddresses(t, l); !strings.Contains(got, l.VIP.String()+"/32") {
			t.Errorf("the host has %s, want the VIP %s", got, l.VIP)
		}
		mustFetch(t, l, names, 100)
		d.rule(t, "-C")
		if got := directorAddresses(t, l); strings.Contains(got, l.VIP.String()) {
			t.Errorf("the host has %s, want no VIP", got)
		}
	})
}

// startSteadyLoad sends newConnsPerSecond requests per second, each on a new connection,
// until ctx ends. The channel then has their results.
func startSteadyLoad(ctx context.Context, dial func(context.Context) (net.Conn, error)) <-chan fetch.Result {
	result := make(chan fetch.Result, 1)
	go func() {
		tick := time.NewTicker(time.Second / newConnsPerSecond)
		defer tick.Stop()
		paced := func(ctx context.Context) (net.Conn, error) {
			select {
			case <-tick.C:
				return dial(ctx)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		result <- fetch.Run(ctx, fetch.Config{Dial: paced, Requests: 1 << 16, Concurrency: restartClients, Timeout: patience})
	}()
	return result
}

// directorAddresses lists the addresses of the director's host.
func directorAddresses(t *testing.T, l *lab.Lab) (all string) {
	t.Helper()
	must(t, l.Director.Do(func() error {
		addrs, err := netlink.AddrList(nil, netlink.FAMILY_V4)
		for _, a := range addrs {
			all += a.IPNet.String() + " "
		}
		return err
	}))
	return all
}

// changeByCtl adds, edits and removes a service and a server with commands of ctl.
func changeByCtl(t *testing.T, d ctlDirector, i int) {
	vip := fmt.Sprintf("192.0.2.%d:80", 100+i)
	for range changeRounds {
		for _, line := range [changesPerRound]string{
			"-A -t %s -s rr", "-a -t %s -r 10.0.0.77:8080 -m", "-e -t %s -r 10.0.0.77:8080 -m -w 5",
			"-E -t %s -s wlc", "-d -t %s -r 10.0.0.77:8080", "-D -t %s",
		} {
			if out, errs, code := d.try(line, vip); code != cli.OK {
				t.Errorf(line+": exit %d: %s%s", vip, code, out, errs)
				return
			}
		}
	}
}

// changeByAPI does the same through the API.
func changeByAPI(t *testing.T, d ctlDirector, i int) {
	client := api.Open(d.Control())
	defer client.Close()
	name := fmt.Sprintf("udp:192.0.2.%d:53", 100+i) // changeByCtl uses the same address
	path, weight := "/v1/services/"+name, int32(7)
	one := api.Server{Server: "10.0.0.78:53", Method: "nat"}
	heavy := one
	heavy.Weight = &weight
	for range changeRounds {
		for _, c := range [changesPerRound]struct {
			method, path string
			body         any
		}{
			{http.MethodPost, "/v1/services", api.Service{Service: name, Scheduler: "sh"}},
			{http.MethodPost, path + "/servers", one},
			{http.MethodPut, path + "/servers/" + one.Server, heavy},
			{http.MethodPut, path, api.Service{Service: name, Scheduler: "mh"}},
			{http.MethodDelete, path + "/servers/" + one.Server, nil},
			{http.MethodDelete, path, nil},
		} {
			if err := client.Do(t.Context(), c.method, c.path, c.body, nil); err != nil {
				t.Errorf("%s %s: %v", c.method, c.path, err)
				return
			}
		}
	}
}

// changeLoadedService adds a server with weight 0 to the service under load, edits it and
// removes it: once as one request, and once as three.
func changeLoadedService(t *testing.T, l *lab.Lab, d ctlDirector) {
	client := api.Open(d.Control())
	defer client.Close()
	none := int32(0)
	of := &api.Service{Service: "tcp:" + netip.AddrPortFrom(l.VIP, demoPort).String()}
	idle := &api.Server{Server: "10.0.0.79:8080", Method: "nat", Weight: &none}
	limited := &api.Server{Server: idle.Server, Method: "nat", Weight: &none, Upper: 10}
	add := api.Change{Op: "add-server", Service: of, Server: idle}
	edit := api.Change{Op: "edit-server", Service: of, Server: limited}
	remove := api.Change{Op: "delete-server", Service: of, Server: idle}
	for range changeRounds {
		for _, c := range [][]api.Change{{add, edit, remove}, {add}, {edit}, {remove}} {
			if err := client.Do(t.Context(), http.MethodPost, "/v1/changes", api.Changes{Changes: c}, nil); err != nil {
				t.Errorf("%v: %v", c, err)
				return
			}
		}
	}
}
