package metrics_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"director/packet"
	"director/service"
	"director/view/figures"
	"director/view/metrics"
)

func TestHandler_CompressesForWhoTakesIt(t *testing.T) {
	page := metrics.New(sample())
	want := scrape(t, page)
	for accept, compressed := range map[string]bool{
		"": false, "gzip": true, "deflate, GZIP;q=0.5": true, "gzip; q=0": false, "gzip;q=0.0, br": false, "br": false,
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept-Encoding", accept)
		metrics.Handler(page, zerolog.Nop()).ServeHTTP(w, r)
		var body io.Reader = w.Body
		if coding := w.Header().Get("Content-Encoding"); (coding == "gzip") != compressed {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q", accept, coding)
		} else if compressed {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		if got, err := io.ReadAll(body); err != nil || string(got) != want {
			t.Errorf("Accept-Encoding %q: %d bytes, %v, want the page of %d", accept, len(got), err, len(want))
		}
		if got, want := w.Header().Get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"; got != want {
			t.Errorf("Content-Type %q, want %q", got, want)
		}
	}
}

// broken is a client that leaves after it has read some bytes.
type broken struct {
	http.ResponseWriter
	left int
}

func (b *broken) Write(text []byte) (int, error) {
	if b.left -= len(text); b.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(text), nil
}

// largeSample is sample with so many services that a page has several parts.
func largeSample() *source {
	s := sample()
	for i := range 5000 {
		a := packet.AddrFrom4(10<<24 + 1<<16 + uint32(i))
		s.services = append(s.services, listed(
			service.Key{Addr: a, Port: 80, Proto: packet.ProtoTCP}, "rr", server(a.String(), 80, service.NAT, 1)))
	}
	return s
}

// A page that cannot be sent as a whole ends the connection, so the client does not take
// a part of it for the whole. It is never in memory as a whole.
func TestHandler_AbortsWhatItCannotFinish(t *testing.T) {
	s := largeSample()
	for name, page := range both(s) {
		for _, accept := range []string{"", "gzip"} {
			whole := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/metrics", nil)
			r.Header.Set("Accept-Encoding", accept)
			h := metrics.Handler(page, zerolog.Nop())
			h.ServeHTTP(whole, r)
			for _, left := range []int{0, whole.Body.Len() / 2, whole.Body.Len() - 1} {
				func() {
					defer func() {
						if err := recover(); err != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
							t.Errorf("%s %s after %d bytes: %v, want the connection to be closed", name, accept, left, err)
						}
					}()
					h.ServeHTTP(&broken{httptest.NewRecorder(), left}, r)
				}()
			}
		}
	}
}

// A client sees that a page is cut, by whatever version of HTTP and compressed or not.
func TestHandler_ShowsTheClientThatAPageIsCut(t *testing.T) {
	s := largeSample()
	h := metrics.Handler(metrics.New(s), zerolog.Nop())
	left := 0
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&cutting{w, left}, r)
	}))
	defer site.Close()
	fetch := func(version, accept string) (n int, err error) {
		c, err := net.Dial("tcp", site.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /metrics HTTP/%s\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n", version, accept)
		w, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0, err
		}
		text, err := io.ReadAll(w.Body)
		return len(text), err
	}
	for _, version := range []string{"1.0", "1.1"} {
		for _, accept := range []string{"", "gzip"} {
			left = math.MaxInt
			whole, err := fetch(version, accept)
			if err != nil || whole < 1000 {
				t.Fatalf("HTTP/%s %s: %d bytes, %v", version, accept, whole, err)
			}
			for _, left = range []int{0, 1, whole / 2, whole - 1} {
				if n, err := fetch(version, accept); err == nil {
					t.Errorf("HTTP/%s %s: %d of %d bytes and no error", version, accept, n, whole)
				}
			}
		}
	}
}

// cutting writes some bytes to a client, and no more.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b[:min(len(b), c.left)])
	if c.left -= n; err == nil && n < len(b) {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// stuck is a source that answers when the test lets it.
type stuck struct {
	source
	asked, answer chan struct{}
}

func (s *stuck) Figures() figures.Figures {
	s.asked <- struct{}{}
	<-s.answer
	return s.figures
}

func TestHandler_LimitsScrapes(t *testing.T) {
	s := &stuck{*sample(), make(chan struct{}), make(chan struct{})}
	h := metrics.Handler(metrics.New(s), zerolog.Nop())
	ask := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Code
	}
	var scrapes sync.WaitGroup
	for range 4 {
		scrapes.Go(func() {
			if code := ask(); code != http.StatusOK {
				t.Errorf("status %d of one of four", code)
			}
		})
		<-s.asked
	}
	if code := ask(); code != http.StatusServiceUnavailable {
		t.Errorf("status %d of a fifth, want 503", code)
	}
	close(s.answer)
	scrapes.Wait()
}
