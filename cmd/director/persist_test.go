//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"director/bench/fetch"
	"director/internal/lab"
	"director/internal/lab/web"
)

const (
	persistClients  = 3
	persistRequests = 12  // of each client to each of the two services
	securePort      = 443 // of the second service; what is spoken there is HTTP all the same
)

// TestPersist_OneMarkKeepsAClientWithOneServer has two ports of the virtual
// address make one service by a firewall mark: a client has the same real
// server on both, and each client another one.
func TestPersist_OneMarkKeepsAClientWithOneServer(t *testing.T) {
	everyWay(t, lab.Config{Clients: persistClients}, func(t *testing.T, l *lab.Lab, ioKind string) {
		servePorts(t, l, demoPort, securePort)
		flags := append(markRules(l, 7, "-p 600"),
			fmt.Sprintf("--fwmark=7=tcp,%s,%d", l.VIP, demoPort),
			fmt.Sprintf("--fwmark=7=tcp,%s,%d", l.VIP, securePort))
		startDirector(t, l, ioKind, flags...)
		used := map[string]bool{}
		for i, client := range l.Clients {
			// The first connection selects the server for both ports.
			ports := []int{demoPort, securePort}
			if i%2 == 1 {
				slices.Reverse(ports)
			}
			first := faithful(t, l, client, ports[0])
			if second := faithful(t, l, client, ports[1]); second != first {
				t.Errorf("%s has %s on port %d and %s on port %d, want the same", client.Name, first, ports[0], second, ports[1])
			}
			used[first] = true
		}
		if len(used) != len(l.Clients) {
			t.Errorf("%d clients share %v, want one server each", len(l.Clients), slices.Collect(maps.Keys(used)))
		}
	})
}

// TestPersist_TwoServicesKnowNothingOfEachOther has the clients come to two
// persistent services in opposite order: each gets one server on the one and
// another on the other.
func TestPersist_TwoServicesKnowNothingOfEachOther(t *testing.T) {
	eachWay(t, lab.Config{Clients: persistClients}, []way{nativeXDP, packetIO}, func(t *testing.T, l *lab.Lab, w way) {
		servePorts(t, l, demoPort, securePort)
		var flags []string
		for _, port := range []int{demoPort, securePort} {
			for _, rule := range l.Rules("tcp", "rr", port, port) {
				if strings.HasPrefix(rule, "-A") {
					rule += " -p 600"
				}
				flags = append(flags, rule)
			}
		}
		launchWith(t, l, w, flags)
		first, last := l.Clients[0], l.Clients[len(l.Clients)-1]
		a := [2]string{faithful(t, l, first, demoPort), faithful(t, l, last, demoPort)}
		b := [2]string{faithful(t, l, last, securePort), faithful(t, l, first, securePort)}
		if a != b || a[0] == a[1] {
			t.Errorf("in the order in which clients came, the one service chose %v, the other %v, want the same two servers", a, b)
		}
		for _, again := range []struct {
			client *lab.Host
			port   int
			want   string
		}{{first, demoPort, a[0]}, {last, demoPort, a[1]}, {last, securePort, b[0]}, {first, securePort, b[1]}} {
			if got := faithful(t, l, again.client, again.port); got != again.want {
				t.Errorf("%s on port %d has %s now, want %s as before", again.client.Name, again.port, got, again.want)
			}
		}
	})
}

// servePorts starts the lab's web servers on several ports each, until the end
// of the test.
func servePorts(t *testing.T, l *lab.Lab, ports ...int) {
	t.Helper()
	for _, h := range l.Servers {
		s := web.New(h.Name)
		t.Cleanup(func() { s.Close() })
		for _, port := range ports {
			listener, err := h.Listen("tcp4", fmt.Sprintf(":%d", port))
			must(t, err)
			go func() { _ = s.Serve(listener) }()
		}
	}
}

// markRules are the rules of a firewall mark's service with all servers of the
// lab, round robin; flags are those of the service. The servers keep the port
// that the client asked for.
func markRules(l *lab.Lab, mark int, flags string) []string {
	rules := l.Rules("tcp", "rr", 0, 0)
	key := fmt.Sprintf("-f %d", mark)
	for i := range rules {
		rules[i] = strings.ReplaceAll(rules[i], fmt.Sprintf("-t %s:0", l.VIP), key)
	}
	rules[0] += " " + flags
	return rules
}

// faithful makes connections from a client to a port of the virtual address,
// which one server must answer, and returns that server's name.
func faithful(t *testing.T, l *lab.Lab, client *lab.Host, port int) string {
	t.Helper()
	to := fmt.Sprintf("%s:%d", l.VIP, port)
	r := fetch.Run(t.Context(), fetch.Config{
		Dial:     func(ctx context.Context) (net.Conn, error) { return client.Dial(ctx, "tcp4", "", to) },
		Requests: persistRequests, Concurrency: 4, Timeout: patience,
	})
	if r.Failed() != 0 || len(r.Servers) != 1 {
		t.Fatalf("%s on port %d: %d of %d requests failed (for example %v), answers came from %v, want one server",
			client.Name, port, r.Failed(), r.Requests, r.First, r.Servers)
	}
	for name := range r.Servers {
		return name
	}
	return ""
}
