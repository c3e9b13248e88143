//go:build linux

package main

import (
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"director/bench/load"
	"director/bench/server"
	"director/internal/cli"
)

// startServer starts a web server of the evaluation on loopback and returns its address and
// port.
func startServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // to find a free port
	must(t, err)
	at := l.Addr().String()
	must(t, l.Close())
	s, err := server.Start(server.Options{Listen: []netip.AddrPort{netip.MustParseAddrPort(at)}, Name: "rs1"})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return at
}

// Several clients must share the rate, and their results must be one report and one line
// of the log.
func TestBenchLoad_MergesSeveralClients(t *testing.T) {
	at, log := startServer(t), filepath.Join(t.TempDir(), "log")
	for range 2 {
		code, out, errs := direct("load --rate=300 --warmup=0s --duration=200ms --timeout=20s --clients=3 --json --target=" + at + " --log=" + log)
		if code != cli.OK || errs != "" {
			t.Fatalf("%d %s", code, errs)
		}
		var r load.Report
		must(t, json.Unmarshal([]byte(out), &r))
		if r.Clients != 3 || r.Connections != 60 || r.Replies != 60 || r.Servers["rs1"] != 60 || r.Response.Count != 60 {
			t.Errorf("%d clients, %d connections, %d replies; want 3, 60, 60", r.Clients, r.Connections, r.Replies)
		}
	}
	text, err := os.ReadFile(log)
	if err != nil || strings.Count(string(text), "\n") != 2 {
		t.Errorf("the log has %d lines, %v; want one for each of 2 runs", strings.Count(string(text), "\n"), err)
	}
}

func TestBenchLoad_ReportsTheReplies(t *testing.T) {
	code, out, errs := direct("load --rate=100 --warmup=0s --duration=100ms --timeout=20s --requests=3 --page=/:628:2 --page=/bytes/10:* --source=127.0.7.0/29 --target=" + startServer(t))
	if code != cli.OK || errs != "" {
		t.Fatalf("%d %s", code, errs)
	}
	// The verdict in front of the rate depends on what else the machine does.
	for _, want := range []string{": 100 connections/s to 127.0.0.1:", "Connections: 10 due, 10 made", "Replies: 30 good of 30", "Errors: 0", "Server rs1: 30 replies (100.0 %)"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestBenchLoad_RefusesWhatItCannotDo(t *testing.T) {
	for args, want := range map[string]string{
		"":                                            "--target: required",
		"--target=x":                                  "--target: ",
		"--target=127.0.0.1:1 --rate=0":               "a rate of 0",
		"--target=127.0.0.1:1 --page=/":               "want PATH:BYTES",
		"--target=127.0.0.1:1 --clients=0":            "--clients",
		"--target=127.0.0.1:1 --source=::1":           "address ::1",
		"--target=127.0.0.1:1 --source=10.0.0.0/8":    "more than 65536 addresses",
		"--target=127.0.0.1:1 --tls --threads=2":      "TLS runs on all CPUs",
		"--target=127.0.0.1:1 --with=ab":              `program "ab"`,
		"--target=127.0.0.1:1 --with=wrk --clients=2": "--with",
	} {
		code, _, errs := direct("load " + args)
		if code != cli.Usage || !strings.Contains(errs, want) {
			t.Errorf("load %s: exit %d, stderr %q, want %d and %q", args, code, errs, cli.Usage, want)
		}
	}
	code, _, errs := direct("load --target=127.0.0.1:1 --rate=10 --warmup=0s --duration=100ms")
	if code != cli.Failed || !strings.Contains(errs, "sent no valid reply") {
		t.Errorf("without a server: exit %d, stderr %q, want 1 and \"sent no valid reply\"", code, errs)
	}
	for args, want := range map[string]string{"": "--listen: required", "--listen=80": "--listen: ", "--listen=127.0.0.1:0 --cap=-1": "--cap"} {
		if code, _, errs := direct("serve " + args); code != cli.Usage || !strings.Contains(errs, want) {
			t.Errorf("serve %s: exit %d, stderr %q, want %d and %q", args, code, errs, cli.Usage, want)
		}
	}
}
