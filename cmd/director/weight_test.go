//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"testing"

	"director/bench/fetch"
	"director/internal/lab"
	"director/internal/lab/web"
)

// dialFunc makes a new connection to a service.
type dialFunc = func(context.Context) (net.Conn, error)

// TestWeight_ZeroDrainsAServer sets a real server's weight to 0 during a download from it.
// The download must complete, and new connections must go to the other servers. When the
// weight is 1 again, the server must get its share of new connections.
func TestWeight_ZeroDrainsAServer(t *testing.T) {
	everyWay(t, lab.Config{}, func(t *testing.T, l *lab.Lab, ioKind string) {
		names := startWeb(t, l)
		d := startCtl(t, l, ioKind, httpRules(l)...)
		dial := dialer(l, demoPort)
		body, server := download(t, dial)
		rule := serverRule(t, l, server)

		d.rule(t, "-e %s -w 0", rule)
		if got := countServers(t, dial, 60); got[server] != 0 || len(got) != len(names)-1 {
			t.Errorf("new connections while %s has weight 0: got %v, want 20 for each other server", server, got)
		}
		// The download is the server's only connection. It is open until the test has read all.
		if list := d.rule(t, "-Ln"); !regexp.MustCompile(` 0 +1 +0 *\n`).MatchString(list) {
			t.Errorf("got\n%s\nwant a server with weight 0, 1 active connection and no inactive one", list)
		}
		got := hash(body)
		if want := transferHash(); got != want {
			t.Errorf("the download has the hash %s, want %s", got, want)
		}
		d.rule(t, "-e %s -w 1", rule)
		if got := countServers(t, dial, 80); got[server] != 20 {
			t.Errorf("new connections after %s has weight 1 again: got %v, want 20 for each server", server, got)
		}
	})
}

// download starts a download and returns its body and the name of the server. The body is
// larger than the buffers on the path, so the download ends only when the test reads it.
func download(t *testing.T, dial dialFunc) (body io.Reader, server string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}
	resp, err := client.Get(fmt.Sprintf("http://vip/bytes/%d", transferSize))
	must(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	return resp.Body, resp.Header.Get(web.NameHeader)
}

// serverRule returns the options of a rule that name a server of the lab's web service and
// its forwarding method.
func serverRule(t *testing.T, l *lab.Lab, name string) string {
	t.Helper()
	rules := httpRules(l)[1:] // after -A
	for i, h := range l.Servers {
		if h.Name == name {
			m := regexp.MustCompile(`^-a (.*) -w 1$`).FindStringSubmatch(rules[i])
			return m[1]
		}
	}
	t.Fatalf("no server %q", name)
	return ""
}

// countServers makes n connections and returns how many of them each server answered.
func countServers(t *testing.T, dial dialFunc, n int) map[string]int {
	t.Helper()
	r := fetch.Run(t.Context(), fetch.Config{Dial: dial, Requests: n, Concurrency: 4, Timeout: patience})
	if r.Failed() != 0 {
		t.Fatalf("%d of %d requests failed: %v, for example %v", r.Failed(), n, r.Errors, r.First)
	}
	return r.Servers
}
