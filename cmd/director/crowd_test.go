//go:build linux

package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/service"
)

// crowd is how many clients of each kind a test connects at once.
const crowd = 100

// crowds are clients that keep their connections, by what they send.
var crowds = map[string]string{
	"says nothing":                  "",
	"begins a header":               "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-",
	"sends half a body":             "POST /v1/services HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
	"sends half a body to no one":   "GET /v1/timeouts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
	"asks, and stays":               "GET /v1/timeouts HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"asks again, and reads nothing": strings.Repeat("GET /v1/sysctls HTTP/1.1\r\nHost: localhost\r\n\r\n", 2000),
}

// TestCrowd_ShutsNobodyOut connects hundreds of clients that do not get on to the control
// socket and to the HTTP listener. ctl and health are answered beside them, and the director
// ends by itself.
func TestCrowd_ShutsNobodyOut(t *testing.T) {
	l := labtest.New(t, lab.Config{Method: service.NAT})
	d := startCtl(t, l, "packet", httpRules(l)...)
	for name, dial := range map[string]func(context.Context) (net.Conn, error){
		"control": func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.Control())
		},
		"http": func(ctx context.Context) (net.Conn, error) { return l.Director.Dial(ctx, "tcp4", "", "127.0.0.1:9464") },
	} {
		for what, text := range crowds {
			for range crowd {
				c, err := dial(t.Context())
				if err != nil {
					t.Fatalf("%s: a client that %s: %v", name, what, err)
				}
				t.Cleanup(func() { c.Close() })
				go func() { _, _ = c.Write([]byte(text)) }() // it waits if the director does not read
			}
			d.rule(t, "-Ln")
			d.rule(t, "-A -t %v:9999", l.VIP)
			d.rule(t, "-D -t %v:9999", l.VIP)
			for _, path := range []string{"/healthz", "/readyz"} {
				fetchFromDirector(t, l, path, http.StatusOK)
			}
		}
	}
	if err := d.Stop(); err != nil { // also an error: it had to be forced
		t.Error(err)
	}
}
