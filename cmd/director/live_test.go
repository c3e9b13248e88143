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

// The changes under load: the number of clients of each kind, and of the rounds that each
// client makes. A round has changesPerRound changes.
const (
	changers        = 2
	changeRounds    = 42
	changesPerRound = 6
)

// TestLive_ChangesHarmNobodyElse adds, edits and removes services and servers a
// thousand times, from several clients at once, while clients begin 200 connections
// a second to a service that is left alone. In the end everything is as it was.
func TestLive_ChangesHarmNobodyElse(t *testing.T) {
	l := labtest.New(t, lab.Config{Method: service.NAT})
	startWeb(t, l)
	d := startRuled(t, l, "xdp", httpRules(l)...)
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
	changing.Go(func() { changeBeside(t, l, d) })
	changing.Wait()
	// The changes may be over sooner than enough requests were made: they go on until then.
	// The last requests are aborted and not counted.
	for begun.Load() < newcomers+restartClients && t.Context().Err() == nil && !t.Failed() {
		changeByAPI(t, d, 0)
	}
	stop()

	if r := <-result; r.Failed() != 0 || r.Requests < newcomers {
		t.Errorf("%d of %d requests failed: %v, for example %v", r.Failed(), r.Requests, r.Errors, r.First)
	}
	if after := d.rule(t, "-Sn"); after != before {
		t.Errorf("services after all changes:\n%s\nwant\n%s", after, before)
	}
	if after := directorAddresses(t, l); after != addresses {
		t.Errorf("addresses after all changes: %s, want %s", after, addresses)
	}
}

// TestLive_AServiceThatIsAddedServes adds a service to a running director and removes it
// again. Before, the frames of this service went to the host.
func TestLive_AServiceThatIsAddedServes(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		d := startRuled(t, l, ioKind)
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

// startSteadyLoad sends newcomers requests per second, each on a new connection, until ctx
// ends. It then returns their results.
func startSteadyLoad(ctx context.Context, dial func(context.Context) (net.Conn, error)) <-chan fetch.Result {
	result := make(chan fetch.Result, 1)
	go func() {
		tick := time.NewTicker(time.Second / newcomers)
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

// changeByCtl makes and unmakes a service by ctl's commands.
func changeByCtl(t *testing.T, d ruled, i int) {
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

// changeByAPI does likewise by the API.
func changeByAPI(t *testing.T, d ruled, i int) {
	client := api.Open(d.Control())
	defer client.Close()
	name := fmt.Sprintf("udp:192.0.2.%d:53", 100+i) // on the address that ctl uses too
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

// changeBeside gives the service under load a server that gets no connections,
// edits it and takes it away, in one change and in several.
func changeBeside(t *testing.T, l *lab.Lab, d ruled) {
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
