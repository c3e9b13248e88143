package server_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"director/bench/load"
	"director/bench/server"
)

func start(t *testing.T, o server.Options) (s *server.Server, at netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // finds a free port
	if err != nil {
		t.Fatal(err)
	}
	at = netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	o.Listen = append(o.Listen, at)
	if s, err = server.Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, at
}

// net/http, an independent implementation, understands the replies.
func TestServer_AnswersHTTP(t *testing.T) {
	s, at := start(t, server.Options{Name: "rs7"})
	for _, c := range []struct {
		path         string
		status, size int
	}{
		{"/", 200, 628}, {"/bytes/0", 200, 0}, {"/bytes/5000000", 200, 5_000_000}, {"/?wait=20ms", 200, 628},
		{"/bytes/x", 404, 0}, {"/bytes/-1", 404, 0}, {"/nothing", 404, 0}, {"/?wait=x", 400, 0},
	} {
		r, err := http.Get("http://" + at.String() + c.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != c.status || len(body) != c.size || r.Header.Get(server.NameHeader) != "rs7" {
			t.Errorf("%s: %d, %d bytes by %q (%v); want %d, %d", c.path, r.StatusCode, len(body), r.Header.Get(server.NameHeader), err, c.status, c.size)
		}
	}
	if got := s.Counts(); got.Requests != 8 || got.Name != "rs7" || got.Bytes != 628*2+5_000_000 {
		t.Errorf("counts %+v", got)
	}
}

// Several requests in one segment, and one request in many, are answered in order.
func TestServer_TakesRequestsInPieces(t *testing.T) {
	_, at := start(t, server.Options{Name: "rs1"})
	const two = "GET /bytes/1?wait=10ms HTTP/1.1\r\n\r\nGET /bytes/2 HTTP/1.1\r\nConnection: close\r\n\r\n"
	for _, size := range []int{1, 7, len(two)} {
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		for rest := two; rest != ""; {
			n := min(size, len(rest))
			if _, err := io.WriteString(c, rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		text, err := io.ReadAll(c)
		if err != nil || strings.Count(string(text), "200 OK") != 2 || strings.Index(string(text), "Length: 1\r") > strings.Index(string(text), "Length: 2\r") {
			t.Errorf("by %d: %q, %v", size, text, err)
		}
		c.Close()
	}
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = fmt.Fprintf(c, "GET / HTTP/1.1\r\nX: %s", strings.Repeat("x", 20_000))
	if text, _ := io.ReadAll(c); len(text) > 0 {
		t.Errorf("an endless head is answered with %q", text)
	}
}

// A server with a rate limit accepts no more connections than that, and every
// client that waits is served.
func TestServer_KeepsToItsCap(t *testing.T) {
	s, at := start(t, server.Options{Name: "rs1", Cap: 200})
	const duration = 500 * time.Millisecond
	r, err := load.Drive(t.Context(), load.Plan{Target: at, Rate: 500, Duration: duration, Timeout: 30 * time.Second}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	// 250 connections at 200 per second take a second and a quarter.
	if took := r.Response.Max; r.Replies != 250 || took < 500*time.Millisecond {
		t.Errorf("%d replies, the last after %v (errors %v): want at most 200 per second", r.Replies, took, r.Errors)
	}
	if got := s.Counts().Connections; got != 250 {
		t.Errorf("%d connections were accepted", got)
	}
}
