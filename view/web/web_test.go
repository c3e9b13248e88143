package web_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"director/view/web"
)

// site is a server under test.
type site struct {
	*web.Server
	t    *testing.T
	addr string
	sick atomic.Pointer[error]
	down atomic.Pointer[error] // the answer of Fit
}

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
}

func newSite(t *testing.T, page http.Handler) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, page)
}

func serveOn(t *testing.T, l net.Listener, page http.Handler) *site {
	t.Helper()
	s := &site{t: t, addr: l.Addr().String()}
	s.Server = web.New(web.Options{
		Metrics: says("native"), IPVS: says("ipvs"), Page: page,
		Healthy: func() error {
			if err := s.sick.Load(); err != nil {
				return *err
			}
			return nil
		},
		Fit: func() error {
			if err := s.down.Load(); err != nil {
				return *err
			}
			return nil
		},
		Names: append(web.OwnNames("lb1.example.com", ""), "status.example.org"),
		Log:   zerolog.New(zerolog.NewTestWriter(t)),
	})
	s.Serve(l)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask sends a request and returns status and body.
func (s *site) ask(method, path string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://"+s.addr+path, strings.NewReader(""))
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(body)
}

// want asks for a path by GET.
func (s *site) want(path string, status int, text string) {
	s.t.Helper()
	if answer, body := s.ask("GET", path); answer.StatusCode != status || strings.TrimSpace(body) != text {
		s.t.Errorf("GET %s: %d %q, want %d %q", path, answer.StatusCode, body, status, text)
	}
}

func TestServer_SaysHowFarTheDirectorIs(t *testing.T) {
	s := newSite(t, says("page"))
	starting := "the director is starting"
	for _, path := range []string{"/metrics", "/metrics/ipvs", "/readyz", "/"} {
		s.want(path, 503, starting)
	}
	s.want("/healthz", 200, "ok")

	s.SetPhase(web.Working)
	s.want("/metrics", 200, "native")
	s.want("/metrics/ipvs", 200, "ipvs")
	s.want("/", 200, "page")
	s.want("/some/file", 200, "page")
	s.want("/readyz", 503, "the next hops of real servers are not known yet")

	s.SetPhase(web.Ready)
	s.want("/readyz", 200, "ready")
	s.want("/healthz", 200, "ok")
	down := errors.New("the link of eth0 is down")
	s.down.Store(&down)
	s.want("/readyz", 503, down.Error())
	s.want("/healthz", 200, "ok")
	s.down.Store(nil)
	s.want("/readyz", 200, "ready")
	sick := errors.New("worker 1 has not made a step for 9 s")
	s.sick.Store(&sick)
	s.want("/healthz", 503, sick.Error())

	s.SetPhase(web.Stopping) // workers end, so they are not asked
	s.want("/healthz", 200, "ok")
	s.want("/readyz", 503, "the director is stopping")
	s.want("/metrics", 200, "native")
}

func TestServer_WithoutAPageHasNoOtherPaths(t *testing.T) {
	s := newSite(t, nil)
	s.SetPhase(web.Ready)
	for _, path := range []string{"/", "/metrics/", "/metrics/other", "/debug/pprof/"} {
		s.want(path, 404, "404 page not found")
	}
}

func TestServer_CannotChangeAnything(t *testing.T) {
	s := newSite(t, says("page"))
	s.SetPhase(web.Ready)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		for _, path := range []string{"/", "/metrics", "/healthz"} {
			if answer, _ := s.ask(method, path); answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %s, Allow %q", method, path, answer.Status, answer.Header.Get("Allow"))
			}
		}
	}
	if answer, body := s.ask("HEAD", "/metrics"); answer.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %s, %q", answer.Status, body)
	}
}

func TestServer_TellsBrowsersToBeCareful(t *testing.T) {
	s := newSite(t, nil)
	answer, _ := s.ask("GET", "/no/such/thing")
	for name, want := range map[string]string{
		"X-Content-Type-Options":  "nosniff",
		"X-Frame-Options":         "DENY",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"Referrer-Policy":         "no-referrer",
		"Cache-Control":           "no-store",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// dial opens a connection and sends text.
func (s *site) dial(text string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestServer_RefusesEndlessHeaders(t *testing.T) {
	s := newSite(t, nil)
	c := s.dial("GET / HTTP/1.1\r\nHost: localhost\r\n")
	go func() { // until the server closes the connection
		line := "X-More: " + strings.Repeat("x", 1000) + "\r\n"
		for range 1 << 10 {
			if _, err := io.WriteString(c, line); err != nil {
				return
			}
		}
	}()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil && answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %s, want 431", answer.Status)
	}
	if err != nil && errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v: want an answer, or a reset because the rest is not read", err)
	}
}

// ledger is a listener that counts accepted and closed connections.
type ledger struct {
	net.Listener
	mu       sync.Mutex
	open     int // connections now
	mostOpen int
}

func (l *ledger) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	l.mostOpen = max(l.mostOpen, l.open)
	return &entry{Conn: c, in: l}, nil
}

// entry is a connection in a ledger.
type entry struct {
	net.Conn
	in   *ledger
	once sync.Once
}

func (e *entry) Close() error {
	e.once.Do(func() {
		e.in.mu.Lock()
		defer e.in.mu.Unlock()
		e.in.open--
	})
	return e.Conn.Close()
}

// Clients that are silent, that send their request slowly or keep their connection open
// do not shut others out, and only a limited number of connections is open at a time.
func TestServer_LetsIdleConnectionsGiveWay(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	book := &ledger{Listener: l}
	s := serveOn(t, book, nil)
	for _, text := range []string{"", "GET /healthz HTTP/1.1\r\nX-Slow: ", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		for range 3 * web.MaxConns {
			s.dial(text)
		}
		s.healthy()
	}
	book.mu.Lock()
	defer book.mu.Unlock()
	if book.mostOpen > web.MaxConns+1 { // one is accepted before it gets room
		t.Errorf("%d connections at a time, want %d", book.mostOpen, web.MaxConns)
	}
}

// healthy asks for the health on a new connection.
func (s *site) healthy() {
	s.t.Helper()
	c := s.dial("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || answer.StatusCode != 200 {
		s.t.Fatalf("%v, %v", answer, err)
	}
}

// Health is answered while as many pages as possible are being sent.
func TestServer_AnswersHealthWhileItIsBusy(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := newSite(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	}))
	defer close(leave)
	s.SetPhase(web.Ready)
	for range web.MaxBusy {
		s.dial("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		<-entered
	}
	s.want("/", 503, fmt.Sprintf("%d pages are being sent: try again later", web.MaxBusy))
	for range 2 * web.MaxConns {
		s.dial("")
	}
	s.healthy()
}

// A request with the name of another site is refused, as a browser sends it after a DNS
// rebinding. Health is told to everybody.
func TestServer_AnswersToItsOwnNamesOnly(t *testing.T) {
	s := newSite(t, says("page"))
	s.SetPhase(web.Ready)
	for host, known := range map[string]bool{
		"": true, "localhost": true, "localhost:9464": true, "LOCALHOST.": true, "127.0.0.1": true, "192.0.2.1:9464": true,
		"[::1]:9464": true, "[2001:db8::1]": true, "lb1": true, "lb1:9464": true, "lb1.example.com": true, "LB1.example.com.:80": true,
		"status.example.org": true, "Status.Example.org:9464": true,
		"lb1.evil.example": false, "evil.example": false, "evil.example:9464": false, "lb1x": false, "xlb1": false, "x.lb1": false, "example.org": false,
		"x.status.example.org": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "1.2.3": false,
	} {
		for path, open := range map[string]bool{"/": false, "/metrics": false, "/metrics/ipvs": false, "/healthz": true, "/readyz": true} {
			w := s.raw(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host))
			if want := map[bool]int{true: 200, false: 421}[known || open]; w.StatusCode != want {
				t.Errorf("Host %q, %s: %s, want %d", host, path, w.Status, want)
			}
		}
	}
	if w := s.raw("GET /metrics HTTP/1.0\r\n\r\n"); w.StatusCode != 200 {
		t.Errorf("without a Host: %s", w.Status)
	}
}

func TestOwnNames_AreThoseOfTheHost(t *testing.T) {
	const resolver = "# search wrong\nsearch old.example\nnameserver 192.0.2.53\nsearch example.com\tlab.example.com.\n"
	for host, want := range map[string][]string{
		"lb1.example.net": {"lb1.example.net", "lb1"},
		"lb1":             {"lb1", "lb1.example.com", "lb1.lab.example.com."},
		"":                nil,
	} {
		if got := web.OwnNames(host, resolver); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
	if got := web.OwnNames("lb1", "domain example.com\nsearch\n"); !slices.Equal(got, []string{"lb1", "lb1.example.com"}) {
		t.Errorf("%q, want also the domain", got)
	}
}

// raw sends a request as it is and returns the answer.
func (s *site) raw(text string) *http.Response {
	s.t.Helper()
	w, err := http.ReadResponse(bufio.NewReader(s.dial(text)), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return w
}

// Close waits for a request in progress, but not for a client that does not read its
// answer.
func TestClose_EndsWhatIsInProgress(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := newSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/endless" {
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}
		close(entered)
		<-leave
		fmt.Fprint(w, "whole")
	}))
	s.SetPhase(web.Ready)
	s.dial("GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
	got := make(chan string)
	go func() {
		_, body := s.ask("GET", "/")
		got <- body
	}()
	<-entered
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	close(leave)
	if body := <-got; body != "whole" {
		t.Errorf("got %q, want the whole answer", body)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("somebody listens still")
	}
}
