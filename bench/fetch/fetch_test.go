package fetch_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/bench/fetch"
)

// patience is the time-out of a request where the test is not about it.
const patience = 20 * time.Second

// reply returns a complete HTTP reply of a server.
func reply(name string, size int) string {
	return "HTTP/1.0 200 OK\r\nx-server: " + name + "\r\n\r\n" + strings.Repeat(".", size)
}

// serve starts a server that passes connection i, counted from 0, to handle and then
// closes it. It returns a function that connects to the server.
func serve(t *testing.T, handle func(i int, c net.Conn)) func(context.Context) (net.Conn, error) {
	t.Helper()
	var n atomic.Int64
	at := listen(t, func(c net.Conn) { handle(int(n.Add(1))-1, c) })
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", at.String())
	}
}

// answer reads the request and writes s.
func answer(c net.Conn, s string) {
	if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
		_, _ = io.WriteString(c, s)
	}
}

func TestRun_CountsRepliesPerServer(t *testing.T) {
	dial := serve(t, func(i int, c net.Conn) { answer(c, reply(fmt.Sprintf("rs%d", i%4+1), 628)) })
	var last int
	r := fetch.Run(t.Context(), fetch.Config{
		Dial: dial, Requests: 100, Concurrency: 7, Timeout: patience,
		Progress: func(done int) { last = done },
	})
	want := map[string]int{"rs1": 25, "rs2": 25, "rs3": 25, "rs4": 25}
	if diff := cmp.Diff(want, r.Servers); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	if r.Requests != 100 || r.Failed() != 0 || r.First != nil || last != 100 {
		t.Errorf("got %d requests, %d failed (%v), progress up to %d; want 100, 0, 100",
			r.Requests, r.Failed(), r.First, last)
	}
	if p50, p99 := r.Percentile(50), r.Percentile(99); p50 <= 0 || p99 < p50 || r.Rate() <= 0 {
		t.Errorf("got p50 %v, p99 %v, %v connections/s", p50, p99, r.Rate())
	}
}

func TestRun_KeepsToItsConcurrency(t *testing.T) {
	var now, most atomic.Int64
	dial := serve(t, func(_ int, c net.Conn) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		defer now.Add(-1) // before the client can see the end of the reply
		answer(c, reply("rs1", 628))
	})
	r := fetch.Run(t.Context(), fetch.Config{Dial: dial, Requests: 60, Concurrency: 3, Timeout: patience})
	if r.Failed() != 0 || most.Load() > 3 {
		t.Errorf("got %d failed, %d at one time; want 0, at most 3", r.Failed(), most.Load())
	}
}

func TestRun_NamesWhatWentWrong(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	sends := func(s string) func(context.Context) (net.Conn, error) {
		return serve(t, func(_ int, c net.Conn) { answer(c, s) })
	}
	for _, tc := range []struct {
		name    string
		dial    func(context.Context) (net.Conn, error)
		timeout time.Duration
		want    fetch.Kind
	}{
		{"nobody listens", func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", closed.Addr().String())
		}, patience, fetch.Refused},
		{"no answer", serve(t, func(_ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) }), 50 * time.Millisecond, fetch.Timeout},
		{"no connection", func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, 50 * time.Millisecond, fetch.Timeout},
		{"reset", serve(t, func(_ int, c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_ = c.(*net.TCPConn).SetLinger(0)
		}), patience, fetch.Reset},
		{"nothing", sends(""), patience, fetch.BadReply},
		{"body too short", sends(reply("rs1", 627)), patience, fetch.BadReply},
		{"body too long", sends(reply("rs1", 629)), patience, fetch.BadReply},
		{"endless", sends(reply("rs1", 100_000)), patience, fetch.BadReply},
		{"status", sends("HTTP/1.0 404 Not Found\r\n\r\n" + strings.Repeat(".", 628)), patience, fetch.BadReply},
		{"not HTTP", sends(strings.Repeat("\r\n", 400)), patience, fetch.BadReply},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := fetch.Run(t.Context(), fetch.Config{Dial: tc.dial, Requests: 2, Timeout: tc.timeout})
			if diff := cmp.Diff(map[fetch.Kind]int{tc.want: 2}, r.Errors); diff != "" {
				t.Errorf("errors (-want +got):\n%s\nfirst: %v", diff, r.First)
			}
			if r.Requests != 2 || r.First == nil || len(r.Latencies) != 0 {
				t.Errorf("got %d requests, first error %v, %d latencies; want 2, an error, 0",
					r.Requests, r.First, len(r.Latencies))
			}
		})
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dial := serve(t, func(i int, c net.Conn) {
		if i < 3 {
			answer(c, reply("rs1", 628))
			return
		}
		cancel()
		_, _ = io.Copy(io.Discard, c)
	})
	r := fetch.Run(ctx, fetch.Config{Dial: dial, Requests: 1000, Timeout: time.Hour})
	if r.Requests != 3 || r.Failed() != 0 {
		t.Errorf("got %d requests, %d failed; want 3, 0", r.Requests, r.Failed())
	}
}

func TestResult_TakesPercentilesByNearestRank(t *testing.T) {
	var r fetch.Result
	if got := r.Percentile(99); got != 0 {
		t.Errorf("of nothing: got %v, want 0", got)
	}
	for i := range 200 {
		r.Latencies = append(r.Latencies, time.Duration(i+1))
	}
	for p, want := range map[float64]time.Duration{0: 1, 50: 100, 99: 198, 99.9: 200, 100: 200} {
		if got := r.Percentile(p); got != want {
			t.Errorf("percentile %v: got %d, want %d", p, got, want)
		}
	}
}

// listen starts a server that passes each connection to handle and then closes it.
func listen(t *testing.T, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}
