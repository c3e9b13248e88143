//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"director/bench/fetch"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
	"director/internal/lab/web"
	"director/internal/nettest"
	"director/service"
)

// The traffic over which the director is restarted.
const (
	regulars       = 100 // clients that keep their connection and ask again and again
	restartDown    = 4   // slow downloads
	restartUp      = 4   // and uploads
	restartSize    = 512 << 10
	restartPieces  = 64 // of a transfer, one every restartPause
	restartPause   = 25 * time.Millisecond
	newcomers      = 200 // new connections a second
	restartClients = 500
)

// TestRestart_LosesNoConnection stops a director by SIGTERM and starts another
// under load. Every connection that was open before goes on to its end and
// transfers what it should; those that begin meanwhile only wait.
func TestRestart_LosesNoConnection(t *testing.T) {
	for _, c := range []struct {
		method service.Method
		way    way
	}{{service.NAT, nativeXDP}, {service.NAT, packetIO}, {service.DR, genericXDP}} {
		t.Run(c.method.String()+" "+c.way.name, func(t *testing.T) {
			t.Parallel() // as everyWay does
			l := labtest.New(t, lab.Config{Method: c.method, Offloads: c.way.offloads})
			restartUnderLoad(t, l, c.way)
		})
	}
}

func restartUnderLoad(t *testing.T, l *lab.Lab, w way) {
	startWeb(t, l)
	file := filepath.Join(t.TempDir(), "state")
	rules := append(httpRules(l), "--state="+file)
	first := launchWith(t, l, w, rules)
	traffic := startRestartTraffic(t, l)

	traffic.goesOn(t)
	must(t, first.Stop())
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the state has mode %v, want 0600", info.Mode())
	}
	second := launchWith(t, l, w, rules)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the state is still there once it was used: %v", err)
	}
	traffic.goesOn(t)
	traffic.end(t)

	saved, resumed := logged(t, first, "state saved.*connections"), logged(t, second, "saved connections restored.*connections")
	if saved < regulars+restartDown+restartUp || resumed != saved {
		t.Errorf("%d connections saved, %d restored, want all and at least %d", saved, resumed, regulars)
	}
	must(t, second.Stop())
	t.Logf("%d connections saved; second director: %s", saved, regexp.MustCompile(`saved connections.*`).FindString(second.Log()))
}

// logged reads a number from a director's log.
func logged(t *testing.T, d *process.Director, field string) int {
	t.Helper()
	m := regexp.MustCompile(field + `=(\d+)`).FindStringSubmatch(d.Log())
	if m == nil {
		t.Fatalf("no %q in the log:\n%s", field, d.Log())
	}
	n, err := strconv.Atoi(m[1])
	must(t, err)
	return n
}

// restartTraffic is what goes on while the director is restarted.
type restartTraffic struct {
	asked  [regulars]atomic.Int64 // good answers of each
	failed chan error             // of regulars and transfers
	moved  [restartDown + restartUp]atomic.Int64
	cancel context.CancelFunc // ends regulars and newcomers, not transfers
	over   []chan struct{}
	load   <-chan fetch.Result
}

func startRestartTraffic(t *testing.T, l *lab.Lab) *restartTraffic {
	ctx, cancel := context.WithCancel(t.Context())
	dial := dialer(l, demoPort) // one for all: it gives each its own port
	r := &restartTraffic{
		failed: make(chan error, regulars+restartDown+restartUp),
		cancel: cancel,
		load:   startSteadyLoad(ctx, dial),
	}
	begin := func(f func() error) {
		over := make(chan struct{})
		r.over = append(r.over, over)
		go func() {
			defer close(over)
			if err := f(); err != nil {
				r.failed <- err
			}
		}()
	}
	for i := range regulars {
		begin(func() error { return r.keepAsking(ctx, dial, &r.asked[i]) })
	}
	for i := range restartDown {
		begin(func() error { return slowDownload(t.Context(), dial, &r.moved[i]) })
	}
	for i := range restartUp {
		begin(func() error { return slowUpload(t.Context(), dial, &r.moved[restartDown+i]) })
	}
	return r
}

// goesOn waits until every regular client has had three more answers.
func (r *restartTraffic) goesOn(t *testing.T) {
	t.Helper()
	var before [regulars]int64
	for i := range before {
		before[i] = r.asked[i].Load()
	}
	nettest.Eventually(t, "the clients are answered, and the transfers go on", func() bool {
		select {
		case err := <-r.failed:
			t.Fatal(err)
		default:
		}
		for i := range before {
			if r.asked[i].Load() < before[i]+3 {
				return false
			}
		}
		for i := range r.moved {
			if r.moved[i].Load() == 0 {
				return false
			}
		}
		return true
	})
}

// end ends the traffic and fails the test if any of it failed.
func (r *restartTraffic) end(t *testing.T) {
	t.Helper()
	r.cancel()
	for _, over := range r.over {
		<-over
	}
	close(r.failed)
	for err := range r.failed {
		t.Error(err)
	}
	result := <-r.load
	if result.Failed() > 0 || result.Requests == 0 {
		t.Errorf("of %d new connections %d failed: %v, for example %v", result.Requests, result.Failed(), result.Errors, result.First)
	}
}

// keepAsking fetches the page again and again over one connection.
func (r *restartTraffic) keepAsking(ctx context.Context, dial func(context.Context) (net.Conn, error), answers *atomic.Int64) error {
	dials := 0
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if dials++; dials > 1 {
			return nil, fmt.Errorf("a client lost its connection after %d answers", answers.Load())
		}
		return dial(ctx)
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	tick := time.NewTicker(restartPause)
	defer tick.Stop()
	for ctx.Err() == nil {
		resp, err := client.Get("http://vip/")
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || len(body) != web.PageSize {
			return fmt.Errorf("a page of %d bytes, %w", len(body), err)
		}
		answers.Add(1)
		<-tick.C
	}
	return nil
}

// slowly reads r in pieces, one at a time, and counts what came.
type slowly struct {
	r     io.Reader
	count *atomic.Int64
	tick  *time.Ticker
}

func (s *slowly) Read(b []byte) (int, error) {
	<-s.tick.C
	n, err := s.r.Read(b[:min(len(b), restartSize/restartPieces)])
	s.count.Add(int64(n))
	return n, err
}

// slowDownload fetches a file little by little.
func slowDownload(ctx context.Context, dial func(context.Context) (net.Conn, error), moved *atomic.Int64) error {
	return transferSlowly(ctx, dial, http.MethodGet, fmt.Sprintf("/bytes/%d", restartSize), moved)
}

// slowUpload sends one.
func slowUpload(ctx context.Context, dial func(context.Context) (net.Conn, error), moved *atomic.Int64) error {
	return transferSlowly(ctx, dial, http.MethodPost, "/sink", moved)
}

func transferSlowly(ctx context.Context, dial func(context.Context) (net.Conn, error), method, path string, moved *atomic.Int64) error {
	tick := time.NewTicker(restartPause)
	defer tick.Stop()
	var body io.Reader
	if method == http.MethodPost {
		body = &slowly{web.Bytes(restartSize), moved, tick}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://vip"+path, body)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	want, got := hash(web.Bytes(restartSize)), ""
	if method == http.MethodGet {
		got = hash(&slowly{resp.Body, moved, tick})
	} else {
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		got = strings.TrimSpace(string(answer))
	}
	if got != want {
		return fmt.Errorf("%s %s after %d bytes: the hash is %q, want %s", method, path, moved.Load(), got, want)
	}
	return nil
}

// TestRestart_LeavesTheHostToWhoeverComesNext looks at what a director with
// --state leaves behind, and what the next one makes of it: one whose file is
// damaged, one without --state, one that is killed.
func TestRestart_LeavesTheHostToWhoeverComesNext(t *testing.T) {
	l := labtest.New(t, lab.Config{VIPOnLink: true})
	startWeb(t, l)
	file := filepath.Join(t.TempDir(), "state")
	kept := append(httpRules(l), "--state="+file)
	wantBlackouts := func(when string, want int) {
		t.Helper()
		if got := blackouts(t, l); got != want {
			t.Errorf("%s: %d blackouts, want %d", when, got, want)
		}
	}

	must(t, launchWith(t, l, nativeXDP, kept).Stop())
	wantBlackouts("after the first director", 2)
	if r := hostRemains(t, l); len(r.vips) == 0 || len(r.programs)+len(r.devices) != 0 {
		t.Errorf("the first director left %+v, want nothing but the VIP", r)
	}
	wantMortalVIP(t, l)
	must(t, os.Truncate(file, 100))
	second := launchWith(t, l, packetIO, kept)
	if !strings.Contains(second.Log(), "saved state refused: starting without connections") {
		t.Errorf("the log does not say that the file is damaged:\n%s", second.Log())
	}
	wantBlackouts("while the second director runs", 0)
	browse(t, l, l.Clients[0].Addr, 10)
	must(t, second.Stop())
	wantBlackouts("after the second director", 2)

	third := launch(t, l, nativeXDP)
	wantBlackouts("while a director without --state runs", 0)
	browse(t, l, l.Clients[0].Addr, 10)
	must(t, third.Stop())
	wantBlackouts("after a director without --state", 0)
	wantNoRemains(t, l)

	must(t, launchWith(t, l, nativeXDP, kept).Kill())
	wantBlackouts("after a director that was killed", 0)
}

// blackouts counts the ingress filters on the director's host.
func blackouts(t *testing.T, l *lab.Lab) (n int) {
	t.Helper()
	for _, name := range l.Interfaces() {
		dev, err := l.Director.Link.LinkByName(name)
		must(t, err)
		filters, err := l.Director.Link.FilterList(dev, netlink.HANDLE_MIN_INGRESS)
		must(t, err)
		n += len(filters)
	}
	return n
}
