package connlimit_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"director/internal/connlimit"
)

// server is a server with a limit. Requests for /slow wait until leave is closed.
type server struct {
	t     *testing.T
	addr  string
	slow  chan struct{} // receives a value when such a request begins
	leave chan struct{}
	idle  chan struct{} // receives a value when a response was sent
	ended chan error
	http  http.Server
}

func serve(t *testing.T, most int, grace, unread time.Duration) *server {
	t.Helper()
	s := &server{t: t, slow: make(chan struct{}), leave: make(chan struct{}), idle: make(chan struct{}, 1000), ended: make(chan error, 1)}
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			s.slow <- struct{}{}
			<-s.leave
		case "/read":
			_, _ = io.Copy(io.Discard, r.Body)
			s.slow <- struct{}{}
			<-s.leave
		case "/long":
			s.slow <- struct{}{}
			_, _ = io.Copy(w, endless{})
			return
		}
		fmt.Fprint(w, "done")
	})
	s.http.ConnState = func(_ net.Conn, now http.ConnState) {
		if now == http.StateIdle {
			s.idle <- struct{}{}
		}
	}
	limit := connlimit.New(most, grace, unread)
	limit.Apply(&s.http)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	go func() { s.ended <- s.http.Serve(limit.Listener(l)) }()
	t.Cleanup(func() { s.http.Close() })
	return s
}

// dial opens a connection and sends text.
func (s *server) dial(text string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	s.say(c, text)
	return c
}

func (s *server) say(c net.Conn, text string) {
	s.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
}

func request(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n" }

// answered waits for an answer on a connection, and until the limit knows of it.
func (s *server) answered(c net.Conn) {
	s.t.Helper()
	if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || answer.StatusCode != 200 {
		s.t.Fatalf("%v, %v", answer, err)
	}
	<-s.idle
}

// closed waits until the server closes a connection without an answer.
func (s *server) closed(c net.Conn) {
	s.t.Helper()
	if b, err := io.ReadAll(c); len(b) > 0 {
		s.t.Fatalf("%q, %v", b, err)
	}
}

// Silent connections, those whose request is incomplete and those that were answered give
// way to new ones, the one that is idle for the longest time first.
func TestLimit_IdleConnectionsGiveWay(t *testing.T) {
	s := serve(t, 3, 0, time.Hour)
	silent := s.dial("")
	slow := s.dial("GET / HTTP/1.1\r\nX-More: ")
	kept := s.dial(request("/"))
	s.answered(kept)
	for _, old := range []net.Conn{silent, slow, kept} {
		s.answered(s.dial(request("/")))
		s.closed(old)
	}
	for range 100 {
		s.dial("")
	}
	s.answered(s.dial(request("/")))
}

// A connection whose request is handled does not give way. New ones wait for it.
func TestLimit_BusyConnectionsStay(t *testing.T) {
	s := serve(t, 2, 0, time.Hour)
	var busy []net.Conn
	for range 2 {
		busy = append(busy, s.dial(request("/slow")))
		<-s.slow
	}
	waiting := s.dial(request("/"))
	close(s.leave)
	for _, c := range busy {
		s.answered(c)
	}
	s.answered(waiting)
}

// A connection whose request has not arrived as a whole gives way, whether the handler reads
// the body or not. When the body is there, the connection is busy.
func TestLimit_HalfABodyGivesWay(t *testing.T) {
	s := serve(t, 2, 0, time.Hour)
	const half = " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab"
	busy := s.dial("POST /read" + half + "cd")
	<-s.slow
	for _, path := range []string{"/read", "/ignored"} {
		for range 20 {
			c := s.dial("POST " + path + half)
			s.answered(s.dial(request("/")))
			s.closed(c)
		}
	}
	close(s.leave)
	s.answered(busy)
}

// endless is a text without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// A client that does not read its answer gives way, even before one that is idle for longer
// but has more time.
func TestLimit_UnreadAnswersGiveWay(t *testing.T) {
	s := serve(t, 3, time.Hour, time.Millisecond)
	idle := s.dial(request("/"))
	s.answered(idle)
	busy := s.dial(request("/slow"))
	<-s.slow
	for range 20 {
		s.dial(request("/long"))
		<-s.slow
		c := s.dial(request("/"))
		s.answered(c)
		c.Close()
	}
	close(s.leave)
	s.answered(busy)
	s.say(idle, request("/"))
	s.answered(idle)
}

// With a time of grace, an idle connection stays for so long. A connection that is closed
// makes room at once.
func TestLimit_GivesIdleConnectionsTime(t *testing.T) {
	s := serve(t, 1, time.Hour, time.Hour)
	first := s.dial(request("/"))
	s.answered(first)
	second := s.dial(request("/"))
	s.say(first, request("/"))
	s.answered(first)
	first.Close()
	s.answered(second)

	// With a short time, it may be over before the new connection waits for its end.
	for _, grace := range []time.Duration{time.Millisecond, 100 * time.Microsecond, 10 * time.Microsecond} {
		s = serve(t, 1, grace, time.Hour)
		for range 100 {
			old := s.dial("")
			s.answered(s.dial(request("/")))
			s.closed(old)
		}
	}
}

// Close ends the server even if a connection waits for room.
func TestLimit_EndsWithTheListener(t *testing.T) {
	s := serve(t, 1, 0, time.Hour)
	s.dial(request("/slow"))
	<-s.slow
	s.dial(request("/"))
	close(s.leave)
	if err := s.http.Close(); err != nil {
		t.Error(err)
	}
	if err := <-s.ended; err != http.ErrServerClosed { //nolint:errorlint // Serve returns it as it is
		t.Error(err)
	}
}
