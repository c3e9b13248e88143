//go:build linux

package main

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"director/control/api"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/nettest"
	"director/service"
)

// TestHealth_AServerThatFailsAloneIsAnnounced lets one of three servers fail: its answers
// are lost, or it resets connections. While clients try to connect, the API, the page and
// the log tell of this server and of no other.
func TestHealth_AServerThatFailsAloneIsAnnounced(t *testing.T) {
	for name, fail := range map[string]func(t *testing.T, l *lab.Lab, h *lab.Host){
		"leaves connections half-open": func(t *testing.T, l *lab.Lab, h *lab.Host) {
			t.Helper()
			must(t, h.Link.RouteAdd(&netlink.Route{
				Dst:  &net.IPNet{IP: l.Clients[0].Addr.AsSlice(), Mask: net.CIDRMask(32, 32)},
				Type: unix.RTN_BLACKHOLE,
			}))
		},
		"resets connections": func(*testing.T, *lab.Lab, *lab.Host) {}, // it does not listen
	} {
		for _, ioKind := range []string{"xdp", "packet"} {
			t.Run(name+" "+ioKind, func(t *testing.T) {
				t.Parallel()
				l := labtest.New(t, lab.Config{Method: service.NAT, Servers: 3, Offloads: ioKind == "packet"})
				for _, h := range l.Servers[1:] {
					serve(t, h, demoServerPort, echoLines)
				}
				failing := l.Servers[0]
				fail(t, l, failing)
				d := startCtl(t, l, ioKind, httpRules(l)...)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				dial := dialer(l, demoPort)
				for range 240 { // 80 for each server
					go func() {
						if c, err := dial(ctx); err == nil {
							c.Close()
						}
					}()
				}
				await(t, d, func(s *api.Server) bool { return s.Suspect }, "is suspect", failing.Addr)
				for _, h := range l.Servers[1:] {
					await(t, d, func(s *api.Server) bool { return !s.Suspect }, "is not suspect", h.Addr)
				}
				nettest.Eventually(t, "the alert on the page", func() bool {
					return strings.Contains(fetchFromDirector(t, l, "/", 200), "New connections to 1 server fail, unlike those to the peers")
				})
				nettest.Eventually(t, "the log tells it", func() bool { return strings.Contains(d.Log(), failing.Addr.String()) })
			})
		}
	}
}

// TestHealth_AServerThatStarvesItsPeerIsAnnounced has wlc send all new connections to a server
// that refuses them, because its peer holds a few connections that are idle. The peer has had
// no others. The director says so as long as connections fail, of the server and of the service.
func TestHealth_AServerThatStarvesItsPeerIsAnnounced(t *testing.T) {
	t.Parallel()
	l := labtest.New(t, lab.Config{Method: service.NAT, Servers: 2})
	serve(t, l.Servers[1], demoServerPort, echoLines)
	failing := l.Servers[0] // it does not listen
	d := startCtl(t, l, "xdp", l.Rules("tcp", "wlc", demoPort, demoServerPort)...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dial := dialer(l, demoPort)
	held := 0
	nettest.Eventually(t, "four connections", func() bool {
		if c, err := dial(ctx); err == nil {
			t.Cleanup(func() { c.Close() })
			held++
		}
		return held == 4
	})
	knock(t, dial, d, func(s *api.Server) bool { return s.Suspect }, "is suspect", failing.Addr)
	await(t, d, func(s *api.Server) bool { return !s.Suspect }, "is not suspect", l.Servers[1].Addr)
	nettest.Eventually(t, "the alerts on the page", func() bool {
		text := fetchFromDirector(t, l, "/", 200)
		return strings.Contains(text, "New connections to 1 server fail, unlike those to the peers") &&
			strings.Contains(text, "At least half of the new connections to 1 service fail")
	})
	nettest.Eventually(t, "the log tells of both", func() bool {
		return strings.Contains(d.Log(), "most new connections to a real server fail") &&
			strings.Contains(d.Log(), "at least half of the new connections to a service fail")
	})
}
