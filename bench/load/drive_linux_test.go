package load_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/bench/fetch"
	"director/bench/load"
	"director/bench/server"
)

// startServer starts one of the evaluation's servers at a loopback port.
func startServer(t testing.TB, o server.Options) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // finds a free port
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	o.Listen = []netip.AddrPort{at}
	s, err := server.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return at
}

func drive(t testing.TB, p load.Plan) load.Report {
	t.Helper()
	if p.Timeout == 0 {
		p.Timeout = patience
	}
	r, err := load.Drive(t.Context(), p, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDrive_MakesTheConnectionsThatAreDue(t *testing.T) {
	at := startServer(t, server.Options{Name: "rs1", Threads: 2})
	for _, p := range []load.Plan{
		{Rate: 1000, Duration: 300 * time.Millisecond, Warmup: 100 * time.Millisecond},
		{Rate: 1000, Duration: 300 * time.Millisecond, Threads: 3},
		{Rate: 1000, Duration: 300 * time.Millisecond, Sources: []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}},
	} {
		p.Target = at
		r := drive(t, p)
		if r.Connections != 300 || r.Replies != 300 || r.Connected != 300 || r.Failed() != 0 || r.Unstarted != 0 {
			t.Errorf("%d connections, %d made, %d replies, errors %v; want 300 of each", r.Connections, r.Connected, r.Replies, r.Errors)
		}
		if diff := cmp.Diff(map[string]int64{"rs1": 300}, r.Servers); diff != "" {
			t.Errorf("servers (-want +got):\n%s", diff)
		}
		if r.BodyBytes != 300*server.PageSize || r.Response.Count != 300 || r.Response.P50 <= 0 || r.Response.P50 > r.Response.Max || r.CPU.Total() <= 0 {
			t.Errorf("%d bytes, response %+v, CPU %+v", r.BodyBytes, r.Response.Summary, r.CPU)
		}
	}
}

func TestDrive_KeepsConnections(t *testing.T) {
	at := startServer(t, server.Options{Name: "rs1"})
	for _, think := range []time.Duration{0, time.Millisecond} {
		r := drive(t, load.Plan{
			Target: at, Rate: 200, Duration: 250 * time.Millisecond, Requests: 10, Think: think,
			Pages: []load.Page{{Path: "/", Size: server.PageSize}, {Path: "/bytes/100000", Size: 100_000, Weight: 2}},
		})
		if r.Connections != 50 || r.Replies != 500 || r.Failed() != 0 {
			t.Errorf("%d connections, %d replies, errors %v %v; want 50 and 500", r.Connections, r.Replies, r.Errors, r.Examples)
		}
		if pages := r.BodyBytes - 500*server.PageSize; pages < 200*99_000 || pages > 450*100_000 {
			t.Errorf("%d bytes: the larger page is asked for twice as often", r.BodyBytes)
		}
	}
}

// Failures are counted by their kind.
func TestDrive_NamesWhatWentWrong(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	raw := func(handle func(net.Conn)) netip.AddrPort { return listen(t, handle) }
	sends := func(s string) netip.AddrPort { return raw(func(c net.Conn) { answer(c, s) }) }
	for _, c := range []struct {
		name string
		at   netip.AddrPort
		want fetch.Kind
		p    load.Plan
	}{
		{"no listener", netip.MustParseAddrPort(closed.Addr().String()), fetch.Refused, load.Plan{}},
		{"no answer", raw(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), fetch.Timeout, load.Plan{Timeout: time.Second}},
		{"reset", raw(func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }), fetch.Reset, load.Plan{}},
		{"nothing", sends(""), fetch.BadReply, load.Plan{}},
		{"too short", sends(reply("rs1", 627)), fetch.BadReply, load.Plan{}},
		{"too long", sends(reply("rs1", 629)), fetch.BadReply, load.Plan{}},
		{"status", sends("HTTP/1.0 404 Not Found\r\n\r\n"), fetch.BadReply, load.Plan{}},
		{"not HTTP", sends(strings.Repeat("\r\n", 400)), fetch.BadReply, load.Plan{}},
		{"one reply of two", sends(reply("rs1", 628)), fetch.BadReply, load.Plan{Requests: 2}},
		{"no room", raw(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), fetch.NoDescriptor, load.Plan{Timeout: 2 * time.Second, MaxOpen: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the test mostly waits
			c.p.Target, c.p.Rate, c.p.Duration = c.at, 100, 30*time.Millisecond
			r := drive(t, c.p)
			want := map[fetch.Kind]int64{c.want: 3}
			if c.want == fetch.NoDescriptor {
				want = map[fetch.Kind]int64{fetch.NoDescriptor: 2, fetch.Timeout: 1}
			}
			if diff := cmp.Diff(want, r.Errors); diff != "" {
				t.Errorf("errors (-want +got):\n%s\n%v", diff, r.Examples)
			}
		})
	}
}

// A reply may arrive in pieces of any size.
func TestDrive_ReadsRepliesInPieces(t *testing.T) {
	at := listen(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		for _, b := range []byte(reply("rs1", 628)) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	})
	if r := drive(t, load.Plan{Target: at, Rate: 100, Duration: 100 * time.Millisecond}); r.Replies != 10 || r.Failed() != 0 {
		t.Errorf("%d replies, errors %v %v; want 10", r.Replies, r.Errors, r.Examples)
	}
}

// Thousands of connections are open at the same time, and none afterwards.
func TestDrive_HoldsThousandsOpen(t *testing.T) {
	at := startServer(t, server.Options{Name: "rs1"})
	before := descriptors(t)
	r := drive(t, load.Plan{
		Target: at, Rate: 4000, Duration: time.Second, MaxOpen: 8000,
		Pages: []load.Page{{Path: "/?wait=1500ms", Size: server.PageSize}},
	})
	if r.Replies != 4000 || r.MostOpen < 3000 || r.Failed() != 0 {
		t.Errorf("%d replies, at most %d open at a time, errors %v; want 4000, most of them open together", r.Replies, r.MostOpen, r.Errors)
	}
	if r.Response.P50 < 1500*time.Millisecond {
		t.Errorf("median %v, but the server waits 1.5 s", r.Response.P50)
	}
	if after := descriptors(t); after > before+2 { // the server may not have closed its last connections yet
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A connection makes no allocation, in the client or in the server.
func TestDrive_AllocatesNothingPerConnection(t *testing.T) {
	at := startServer(t, server.Options{Name: "rs1"})
	mallocs := func(d time.Duration) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		drive(t, load.Plan{Target: at, Rate: 2000, Duration: d, Interval: time.Second})
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	mallocs(100 * time.Millisecond)
	few, many := mallocs(100*time.Millisecond), mallocs(600*time.Millisecond)
	if many > few+100 {
		t.Errorf("%d allocations for 200 connections, %d for 1200", few, many)
	}
}

// If a server closes a connection early, the connection's remaining requests are
// not made, and no reply counts twice.
func TestDrive_CountsRepliesOnce(t *testing.T) {
	for _, think := range []time.Duration{0, time.Hour} {
		at := listen(t, func(c net.Conn) {
			answer(c, "HTTP/1.1 200 OK\r\nConnection: "+map[bool]string{true: "close", false: "keep-alive"}[think == 0]+"\r\nContent-Length: 2\r\n\r\nok")
		})
		r := drive(t, load.Plan{
			Target: at, Rate: 100, Duration: 100 * time.Millisecond, Requests: 2, Think: think,
			Pages: []load.Page{{Path: "/", Size: 2}},
		})
		if r.Requests != 10 || r.Replies != 10 || r.Classes[2] != 10 || r.Errors[fetch.BadReply] != 10 {
			t.Errorf("think time %v: %d requests, %d replies, classes %v, errors %v; want 10 of each", think, r.Requests, r.Replies, r.Classes, r.Errors)
		}
	}
}

func TestDrive_SaysThatThereIsNoSuchCPU(t *testing.T) {
	_, err := load.Drive(t.Context(), load.Plan{
		Target: netip.MustParseAddrPort("127.0.0.1:1"), Rate: 1, Duration: time.Second, CPUs: []int{1 << 12},
	}, time.Time{})
	if err == nil {
		t.Error("no error")
	}
}

func TestDrive_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	at := listen(t, func(c net.Conn) {
		cancel()
		_, _ = io.Copy(io.Discard, c)
	})
	_, err := load.Drive(ctx, load.Plan{Target: at, Rate: 100, Duration: time.Hour, Timeout: time.Hour}, time.Time{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// Clients that share a plan make all its connections together. Their reports
// survive JSON and merge into one.
func TestReport_MergesShares(t *testing.T) {
	at := startServer(t, server.Options{Name: "rs1"})
	var sum load.Report
	var late int64
	for i := range 3 {
		r := drive(t, load.Plan{Target: at, Rate: 1000, Duration: 200 * time.Millisecond, Share: load.Share{Index: i, Of: 3}})
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back load.Report
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		late += r.Late
		if i == 0 {
			sum = back
		} else if sum, err = sum.Merge(back); err != nil {
			t.Fatal(err)
		}
	}
	if sum.Connections != 200 || sum.Replies != 200 || sum.Clients != 3 || sum.Response.Count != 200 || sum.Servers["rs1"] != 200 || sum.Late != late {
		t.Errorf("%d connections, %d replies of %d clients, %d response times, %d late: want 200 of 3 clients, %d late", sum.Connections, sum.Replies, sum.Clients, sum.Response.Count, sum.Late, late)
	}
	other := drive(t, load.Plan{Target: at, Rate: 100, Duration: 100 * time.Millisecond})
	if _, err := sum.Merge(other); err == nil {
		t.Error("reports of different plans are merged")
	}
}
