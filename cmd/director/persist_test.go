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
	persistRequests = 12  // by each client to each of the two services
	securePort      = 443 // of the second service, which uses HTTP without TLS too
)

// TestPersist_OneMarkKeepsAClientWithOneServer joins two ports of the virtual address to
// one service with a firewall mark. A client must reach the same real server on both ports,
// and each client must get another server.
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
			first := onlyServer(t, l, client, ports[0])
			if second := onlyServer(t, l, client, ports[1]); second != first {
				t.Errorf("%s reaches %s on port %d and %s on port %d, want the same server", client.Name, first, ports[0], second, ports[1])
			}
			used[first] = true
		}
		if len(used) != len(l.Clients) {
			t.Errorf("%d clients reach the servers %v, want another one for each client", len(l.Clients), slices.Collect(maps.Keys(used)))
		}
	})
}

// TestPersist_TwoServicesAreIndependent lets two clients use two persistent services, in
// opposite order. Each client must get one server from the first service and another server
// from the second.
func TestPersist_TwoServicesAreIndependent(t *testing.T) {
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
		a := [2]string{onlyServer(t, l, first, demoPort), onlyServer(t, l, last, demoPort)}
		b := [2]string{onlyServer(t, l, last, securePort), onlyServer(t, l, first, securePort)}
		if a != b || a[0] == a[1] {
			t.Errorf("in the order of the clients, the first service chose %v and the second %v, want the same two servers", a, b)
		}
		for _, again := range []struct {
			client *lab.Host
			port   int
			want   string
		}{{first, demoPort, a[0]}, {last, demoPort, a[1]}, {last, securePort, b[0]}, {first, securePort, b[1]}} {
			if got := onlyServer(t, l, again.client, again.port); got != again.want {
				t.Errorf("%s on port %d now reaches %s, want %s as before", again.client.Name, again.port, got, again.want)
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

// markRules returns the rules of a firewall mark's service with all servers of the lab and
// round robin. flags are added to the rule of the service. The servers get the connections
// on the port that the client used.
func markRules(l *lab.Lab, mark int, flags string) []string {
	rules := l.Rules("tcp", "rr", 0, 0)
	key := fmt.Sprintf("-f %d", mark)
	for i := range rules {
		rules[i] = strings.ReplaceAll(rules[i], fmt.Sprintf("-t %s:0", l.VIP), key)
	}
	rules[0] += " " + flags
	return rules
}

// onlyServer makes connections from a client to a port of the virtual address. The same
// server must answer all of them. onlyServer returns its name.
func onlyServer(t *testing.T, l *lab.Lab, client *lab.Host, port int) string {
	t.Helper()
	to := fmt.Sprintf("%s:%d", l.VIP, port)
	r := fetch.Run(t.Context(), fetch.Config{
		Dial:     func(ctx context.Context) (net.Conn, error) { return client.Dial(ctx, "tcp4", "", to) },
		Requests: persistRequests, Concurrency: 4, Timeout: patience,
	})
	if r.Failed() != 0 || len(r.Servers) != 1 {
		t.Fatalf("%s on port %d: %d of %d requests failed (for example %v), the servers %v answered, want one server",
			client.Name, port, r.Failed(), r.Requests, r.First, r.Servers)
	}
	for name := range r.Servers {
		return name
	}
	return ""
}
