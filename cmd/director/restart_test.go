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

	"director/bench/fetch"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
	"director/internal/lab/web"
	"director/internal/nettest"
	"director/service"
)

// The traffic during which the director is restarted.
const (
	keepAliveClients  = 100       // clients that send many requests on one connection each
	restartDownloads  = 4         // slow downloads at the same time
	restartUploads    = 4         // slow uploads at the same time
	restartSize       = 512 << 10 // bytes of a transfer
	restartPieces     = 64        // pieces of a transfer, one every restartPause
	restartPause      = 25 * time.Millisecond
	newConnsPerSecond = 200
	restartClients    = 500 // new connections that are open at the same time, at most
)

// TestRestart_LosesNoConnection stops a director for a successor and starts that one under
// load. Every connection that was open must continue and transfer all its bytes.
// Connections that begin during the restart must wait and then succeed.
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

	traffic.waitForProgress(t)
	must(t, first.StopForSuccessor())
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the state file has the mode %v, want 0600", info.Mode())
	}
	second := launchWith(t, l, w, rules)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the director did not remove the state file after loading it: %v", err)
	}
	traffic.waitForProgress(t)
	traffic.end(t)

	saved, resumed := logged(t, first, "state saved.*connections"), logged(t, second, "saved connections restored.*connections")
	if saved < keepAliveClients+restartDownloads+restartUploads || resumed != saved {
		t.Errorf("%d connections saved, %d restored, want the same number, at least %d", saved, resumed, keepAliveClients+restartDownloads+restartUploads)
	}
	must(t, second.Stop())
	t.Logf("%d connections saved; second director: %s", saved, regexp.MustCompile(`saved connections.*`).FindString(second.Log()))
}

// logged returns the number of a field in a director's log.
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

// restartTraffic is the traffic during the restart of the director.
type restartTraffic struct {
	asked  [keepAliveClients]atomic.Int64                  // valid answers of each keep-alive client
	failed chan error                                      // errors of the keep-alive clients and of the transfers
	moved  [restartDownloads + restartUploads]atomic.Int64 // bytes of each transfer
	cancel context.CancelFunc                              // stops the keep-alive clients and the new connections, not the transfers
	over   []chan struct{}                                 // closed when the keep-alive clients and transfers have ended
	load   <-chan fetch.Result                             // of the new connections
}

func startRestartTraffic(t *testing.T, l *lab.Lab) *restartTraffic {
	ctx, cancel := context.WithCancel(t.Context())
	dial := dialer(l, demoPort) // all share it, so that each connection has its own port
	r := &restartTraffic{
		failed: make(chan error, keepAliveClients+restartDownloads+restartUploads),
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
	for i := range keepAliveClients {
		begin(func() error { return r.requestRepeatedly(ctx, dial, &r.asked[i]) })
	}
	for i := range restartDownloads {
		begin(func() error { return slowDownload(t.Context(), dial, &r.moved[i]) })
	}
	for i := range restartUploads {
		begin(func() error { return slowUpload(t.Context(), dial, &r.moved[restartDownloads+i]) })
	}
	return r
}

// waitForProgress waits until every keep-alive client has got three more answers, and every
// transfer has begun.
func (r *restartTraffic) waitForProgress(t *testing.T) {
	t.Helper()
	var before [keepAliveClients]int64
	for i := range before {
		before[i] = r.asked[i].Load()
	}
	nettest.Eventually(t, "the clients get answers, and the transfers make progress", func() bool {
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

// end stops the traffic, waits for the transfers, and fails the test if anything failed.
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
		t.Errorf("%d of %d new connections failed: %v, for example %v", result.Failed(), result.Requests, result.Errors, result.First)
	}
}

// requestRepeatedly fetches the page repeatedly on one connection, until ctx ends.
func (r *restartTraffic) requestRepeatedly(ctx context.Context, dial func(context.Context) (net.Conn, error), answers *atomic.Int64) error {
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
			return fmt.Errorf("got a page of %d bytes, %w, want %d bytes", len(body), err, web.PageSize)
		}
		answers.Add(1)
		<-tick.C
	}
	return nil
}

// slowReader reads one piece of r per tick and counts the bytes.
type slowReader struct {
	r     io.Reader
	count *atomic.Int64
	tick  *time.Ticker
}

func (s *slowReader) Read(b []byte) (int, error) {
	<-s.tick.C
	n, err := s.r.Read(b[:min(len(b), restartSize/restartPieces)])
	s.count.Add(int64(n))
	return n, err
}

// slowDownload downloads a file piece by piece.
func slowDownload(ctx context.Context, dial func(context.Context) (net.Conn, error), moved *atomic.Int64) error {
	return transferSlowly(ctx, dial, http.MethodGet, fmt.Sprintf("/bytes/%d", restartSize), moved)
}

// slowUpload uploads a file piece by piece.
func slowUpload(ctx context.Context, dial func(context.Context) (net.Conn, error), moved *atomic.Int64) error {
	return transferSlowly(ctx, dial, http.MethodPost, "/sink", moved)
}

func transferSlowly(ctx context.Context, dial func(context.Context) (net.Conn, error), method, path string, moved *atomic.Int64) error {
	tick := time.NewTicker(restartPause)
	defer tick.Stop()
	var body io.Reader
	if method == http.MethodPost {
		body = &slowReader{web.Bytes(restartSize), moved, tick}
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
		got = hash(&slowReader{resp.Body, moved, tick})
	} else {
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		got = strings.TrimSpace(string(answer))
	}
	if got != want {
		return fmt.Errorf("%s %s after %d bytes: got the hash %q, want %s", method, path, moved.Load(), got, want)
	}
	return nil
}
