//go:build linux

package main

import (
	"context"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"director/control/api"
	"director/internal/lab"
	"director/internal/nettest"
)

// TestUnreachable_AServerWithoutACableIsPassedOver pulls the cable of a real server. While
// clients try to connect, the director notices within seconds. From then on every new
// connection succeeds, on the other servers. When the cable is in again, so is the server.
func TestUnreachable_AServerWithoutACableIsPassedOver(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		d := startCtl(t, l, ioKind, httpRules(l)...)
		dial := dialer(l, demoPort) // one for all: a port that was used is not free at once
		if got := countServers(t, dial, 40); len(got) != len(names) {
			t.Fatalf("connections before: %v, want some on each of %v", got, names)
		}
		lost := l.Servers[1]
		must(t, l.Plug(lost, "eth0", false))
		knock(t, dial, d, func(s *api.Server) bool { return s.Skipped }, "is passed over", lost.Addr)
		if got := countServers(t, dial, 60); got[lost.Name] != 0 || len(got) != len(names)-1 {
			t.Errorf("connections without the cable: %v, want them on the others", got)
		}
		if list := d.rule(t, "-Ln"); len(regexp.MustCompile(`(Masq|Route|Tunnel) +1 `).FindAllString(list, -1)) != len(names) {
			t.Errorf("ipvsadm lists other weights than 1:\n%s", list)
		}
		nettest.Eventually(t, "the log tells it", func() bool { return strings.Contains(d.Log(), "real server cannot be reached") })
		must(t, l.Plug(lost, "eth0", true))
		await(t, d, func(s *api.Server) bool { return !s.Skipped && s.Unreachable == "" }, "is back", lost.Addr)
		if got := countServers(t, dial, 60); got[lost.Name] == 0 {
			t.Errorf("connections with the cable: %v, want some on %s", got, lost.Name)
		}
	})
}

// knock begins connections until a server is in the wanted state. They may fail.
func knock(t *testing.T, dial dialFunc, d ctlDirector, cond func(*api.Server) bool, what string, server netip.Addr) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 4 {
		go func() {
			for ctx.Err() == nil {
				short, done := context.WithTimeout(ctx, time.Second)
				if c, err := dial(short); err == nil {
					c.Close()
				}
				done()
			}
		}()
	}
	await(t, d, cond, what, server)
}

// await waits until the API shows a server of the only service in a state.
func await(t *testing.T, d ctlDirector, cond func(*api.Server) bool, what string, server netip.Addr) {
	t.Helper()
	client := api.Open(d.Control())
	defer client.Close()
	nettest.Eventually(t, server.String()+" "+what, func() bool {
		var list struct{ Services []api.Service }
		must(t, client.Do(t.Context(), http.MethodGet, "/v1/services", nil, &list))
		for i := range list.Services[0].Servers {
			if s := &list.Services[0].Servers[i]; strings.HasPrefix(s.Server, server.String()+":") {
				return cond(s)
			}
		}
		return false
	})
}
