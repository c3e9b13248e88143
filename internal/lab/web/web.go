// Package web is the web server of the real servers. It serves the page of the paper's
// measurements, and larger transfers in both directions, which the receiver can verify.
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

// PageSize is the size in bytes of the page that the paper's clients requested. An answer
// with it fits into one packet.
const PageSize = 628

// NameHeader is the header that contains the server's name. So a client of a director knows
// which server has answered.
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

// New returns a server with a name.
func New(name string) *Server {
	s := &Server{name: name}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", servePage)
	mux.HandleFunc("GET /bytes/{n}", serveBytes)
	mux.HandleFunc("POST /sink", serveSink)
	s.http.Handler = s.counting(mux)
	s.http.ReadHeaderTimeout = time.Minute // the connection of a client that has died must end
	return s
}

// Serve answers on l until Close. Then it returns http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Requests returns the number of requests that were received, for any path.
func (s *Server) Requests() uint64 { return s.requests.Load() }

// Close stops the server, its listeners and its connections.
func (s *Server) Close() error { return s.http.Close() }

// Bytes returns n pseudo-random bytes. They are always the same.
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
	_, _ = io.WriteString(w, page) // an error means that the client has gone
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

// page is a document that is padded to PageSize.
var page = func() string {
	const head = "<!DOCTYPE html>\n<title>director</title>\n<p>A page of 628 bytes.\n<!-- "
	const tail = " -->\n"
	return head + strings.Repeat(".", PageSize-len(head)-len(tail)) + tail
}()
