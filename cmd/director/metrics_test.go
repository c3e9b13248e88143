//go:build linux

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"director/internal/cli"
	"director/internal/lab"
	"director/internal/lab/labtest"
)

// TestMetrics_CountWhatWasForwarded fetches pages and then the metrics of the director. The
// loopback interface is down when the director starts, and up when the metrics are fetched.
func TestMetrics_CountWhatWasForwarded(t *testing.T) {
	for _, ioKind := range []string{"xdp", "packet"} {
		t.Run(ioKind, func(t *testing.T) {
			l := labtest.New(t, lab.Config{Servers: 2})
			names := startWeb(t, l)
			must(t, l.Director.SetUp("lo", false))
			startDirector(t, l, ioKind, httpRules(l)...)
			must(t, l.Director.SetUp("lo", true))
			mustFetch(t, l, names, 20)

			service := `{proto="tcp",service="192.0.2.10:80"} `
			native := fetchFromDirector(t, l, "/metrics", http.StatusOK)
			for _, want := range []string{
				"\ndirector_service_connections_total" + service + "20\n",
				"\ndirector_worker_connections_total{worker=\"0\"} 20\n",
				"\ndirector_connection_table_size 1.048576e+06\n",
				`,server="10.0.0.12:8080",service="192.0.2.10:80"} 10` + "\n",
				"\ndirector_queue_info{",
			} {
				if !strings.Contains(native, want) {
					t.Errorf("no %q in\n%s", want, native)
				}
			}
			rx := regexp.MustCompile(`(?m)^director_worker_received_frames_total\{interface="eth0",worker="0"\} [1-9]`)
			if !rx.MatchString(native) {
				t.Errorf("no match of %s in\n%s", rx, native)
			}
			if got := fetchFromDirector(t, l, "/metrics/ipvs", http.StatusOK); !strings.Contains(got, "\nnode_ipvs_connections_total 20\n") {
				t.Errorf("want 20 connections, got\n%s", got)
			}
			fetchFromDirector(t, l, "/healthz", http.StatusOK)
			fetchFromDirector(t, l, "/readyz", http.StatusOK)
		})
	}
}

// fetchFromDirector fetches a path from the director's HTTP listener, on its own host. The
// response must have this status.
func fetchFromDirector(t *testing.T, l *lab.Lab, path string, status int) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return l.Director.Dial(ctx, network, "", addr)
		},
	}}
	r, err := client.Get("http://127.0.0.1:9464" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status {
		t.Fatalf("GET %s: got %s, %v, want status %d:\n%s", path, r.Status, err, status, body)
	}
	return string(body)
}

// TestRefuse_AnHTTPAddressThatIsTaken also tries an address that no interface has.
func TestRefuse_AnHTTPAddressThatIsTaken(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	taken, err := l.Director.Listen("tcp", "127.0.0.1:9464")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	refuse(t, l).want(t, cli.Failed, "--http=127.0.0.1:9464: another program listens there: ", "")
	refuse(t, l, "--http=198.51.100.99:80").want(t, cli.Failed, "--http=198.51.100.99:80: no interface has this address", "")
	startDirector(t, l, "packet", "--http=") // runs without HTTP
}
