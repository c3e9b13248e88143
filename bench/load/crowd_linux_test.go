package load_test

import (
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"director/bench/fetch"
	"director/bench/load"
	"director/bench/server"
)

// Each connection makes a handshake, and all counters are as without TLS.
func TestDrive_MakesHandshakes(t *testing.T) {
	at := startServer(t, server.Options{Name: "rs1", TLS: true})
	for name, p := range map[string]load.Plan{
		"a page each": {},
		"kept":        {Requests: 3, Think: time.Millisecond},
		"of many":     {Sources: []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}},
		"sizes":       {Pages: []load.Page{{Path: "/bytes/10", Size: 10, Weight: 1}, {Path: "/bytes/100000", Size: 100_000, Weight: 1}}},
		"random":      {Poisson: true},
	} {
		t.Run(name, func(t *testing.T) {
			p.Target, p.TLS, p.Rate, p.Duration = at, true, 100, 200*time.Millisecond
			p.Timeout = 20 * time.Second
			r := drive(t, p)
			want := r.Connections * int64(max(1, p.Requests))
			if r.Connections == 0 || !p.Poisson && r.Connections != 20 || r.Replies != want || r.Requests != want || r.Failed() != 0 {
				t.Errorf("%d connections, %d requests, %d replies, errors %v; want %d replies", r.Connections, r.Requests, r.Replies, r.Errors, want)
			}
			if r.Servers["rs1"] != want || r.Connected != r.Connections || r.Response.Count != want || r.Connect.P50 <= 0 || r.CPU.Total() <= 0 {
				t.Errorf("%+v: want all from rs1, with times", r)
			}
		})
	}
}

// Failures before a connection exists are counted by their kind.
func TestDrive_TellsHandshakesThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  fetch.Kind
	}{
		"no TLS": {func(c net.Conn) { answer(c, "HTTP/1.0 200 OK\r\n\r\n") }, fetch.Other},
		"reset": {func(c net.Conn) {
			_ = c.(*net.TCPConn).SetLinger(0)
		}, fetch.Reset},
		"silence": {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, fetch.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			p := load.Plan{Target: listen(t, c.serve), TLS: true, Rate: 100, Duration: 100 * time.Millisecond, Timeout: 20 * time.Second}
			if c.want == fetch.Timeout {
				p.Timeout = time.Second
			}
			r := drive(t, p)
			if r.Connections != 10 || r.Connected != 0 || r.Errors[c.want] != 10 {
				t.Errorf("%d connections, %d made, errors %v %v; want 10 of %q", r.Connections, r.Connected, r.Errors, r.Examples, c.want)
			}
		})
	}
}

func TestDrive_RefusesThreadsWithTLS(t *testing.T) {
	_, err := load.Drive(t.Context(), load.Plan{Target: netip.MustParseAddrPort("127.0.0.1:1"), TLS: true, Threads: 2, Rate: 1, Duration: time.Second}, time.Time{})
	if err == nil || !strings.Contains(err.Error(), "TLS runs on all CPUs") {
		t.Errorf("got %v", err)
	}
}

// curl, an independent client, can talk to the server.
func TestServer_SpeaksTLSWithCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	at := startServer(t, server.Options{Name: "rs1", TLS: true})
	out, err := exec.Command("curl", "-sk", "--max-time", "20", "-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{num_connects} ",
		"https://"+at.String()+"/", "https://"+at.String()+"/bytes/7?wait=1ms").CombinedOutput()
	if err != nil || string(out) != "200 628 1 200 7 0 " {
		t.Errorf("curl: %q, %v; want both pages on one connection", out, err)
	}
}
