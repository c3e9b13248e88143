// Package web is the real servers' web server: the page of the paper's
// measurements, and larger transfers in both directions that the receiver can
// check.
package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// PageSize is the size in bytes of the page that the paper's clients asked for:
// small enough that an answer fits into one packet.
const PageSize = 628

// NameHeader is the header in which a server gives its name, so that a client
// behind a director can tell who answered.
const NameHeader = "X-Server"

// Server answers HTTP:
//
//	GET  /         PageSize bytes of HTML, the same from every server
//	GET  /bytes/N  the N bytes of Bytes(N)
//	POST /sink     the sha256 of the request's body, in hexadecimal
//
// It is safe for concurrent use.
type Server struct {
	name     string
	requests atomic.Uint64
	http     http.Server
}

// New returns a server that calls itself name.
func New(name string) *Server {
	s := &Server{name: name}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", servePage)
	mux.HandleFunc("GET /bytes/{n}", serveBytes)
	mux.HandleFunc("POST /sink", serveSink)
	s.http.Handler = s.counting(mux)
	s.http.ReadHeaderTimeout = time.Minute // a client that dies half-way must not stay for ever
	return s
}

// Serve answers on l until Close and then returns http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Requests is how many requests have been received, whatever their path.
func (s *Server) Requests() uint64 { return s.requests.Load() }

// Close stops the server, its listeners and its connections.
func (s *Server) Close() error { return s.http.Close() }

// Bytes yields n pseudo-random bytes, always the same.
func Bytes(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{}), n)
}

func (s *Server) counting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		w.Header().Set(NameHeader, s.name)
		next.ServeHTTP(w, r)
	})
}

func servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	_, _ = io.WriteString(w, page) // a client that has gone is no concern of ours
}

func serveBytes(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil || n < 0 {
		http.Error(w, "want /bytes/N with N from 0", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	_, _ = io.Copy(w, Bytes(n))
}

func serveSink(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r.Body); err != nil {
		http.Error(w, fmt.Sprintf("read body: %v", err), http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, hex.EncodeToString(sum.Sum(nil)))
}

// page is a document padded to PageSize.
var page = func() string {
	const head = "<!DOCTYPE html>\n<title>director</title>\n<p>A page of 628 bytes.\n<!-- "
	const tail = " -->\n"
	return head + strings.Repeat(".", PageSize-len(head)-len(tail)) + tail
}()
