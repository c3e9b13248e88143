// Package web is the director's own HTTP listener: metrics, health, and the status page.
// It is read-only. A slow or silent client cannot block others for long, and its memory
// is bounded.
package web

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"director/internal/connlimit"
)

// Limits for clients. A connection costs about ten kilobytes. A client that does not read
// is disconnected after writeTime, or, while it gets a page, by connlimit.Pace. A connection
// that waits for its client gives way to a new one.
const (
	maxConns = 64
	// maxBusy is the largest number of pages that are sent at the same time. It is less
	// than maxConns, so that health is answered even if nobody reads the pages.
	maxBusy    = 48
	maxHeader  = 8 << 10 // bytes, to which net/http adds 4096
	headerTime = 5 * time.Second
	readTime   = 10 * time.Second
	writeTime  = 15 * time.Second
	idleTime   = 2 * time.Minute // longer than the time between two scrapes
	// unreadTime is how long a client may take to read a part of an answer while others wait
	// for a connection.
	unreadTime = time.Second
	stopTime   = 2 * time.Second // for requests in progress at the end
)

// Phase is the phase that a director is in.
type Phase int32

// The phases, in order.
const (
	Starting Phase = iota // there are no numbers yet
	Working               // packets are forwarded, as far as next hops are known
	Ready                 // and the service manager was told
	Stopping
)

// Options of a Server.
type Options struct {
	Metrics, IPVS http.Handler
	// Page answers all paths that nothing else answers; it may be nil.
	Page http.Handler
	// Healthy returns an error if something is wrong with the workers. It is called
	// while they work.
	Healthy func() error
	// Fit returns an error if traffic should not be sent here now, although the director
	// works. It is called in the phase Ready. It may be nil.
	Fit func() error
	// Names are the names by which clients may ask, beside localhost and addresses: those
	// of OwnNames and further ones.
	Names []string
	Log   zerolog.Logger
}

// Server serves one listener. Its methods may be called by any goroutine.
type Server struct {
	options Options
	http    http.Server
	limit   *connlimit.Limit
	busy    chan struct{} // a value for each page that is being sent
	phase   atomic.Int32
	serving sync.WaitGroup
}

// New returns a server for a director in the phase Starting.
func New(o Options) *Server {
	s := &Server{options: o, limit: connlimit.New(maxConns, 0, unreadTime), busy: make(chan struct{}, maxBusy)}
	s.http = http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          stdlog.New(debugWriter{o.Log}, "", 0),
	}
	s.limit.Apply(&s.http)
	return s
}

// debugWriter logs the messages of net/http about single clients.
type debugWriter struct{ log zerolog.Logger }

// Write implements io.Writer.
func (w debugWriter) Write(b []byte) (int, error) {
	w.log.Debug().Bytes("problem", b).Msg("http")
	return len(b), nil
}

// SetPhase sets the phase of the director.
func (s *Server) SetPhase(p Phase) { s.phase.Store(int32(p)) }

// Serve starts to answer on l, which the server then owns. It returns immediately.
func (s *Server) Serve(l net.Listener) {
	s.serving.Go(func() {
		// Close ends it. An open listener does not fail otherwise.
		if err := s.http.Serve(s.limit.Listener(l)); !errors.Is(err, http.ErrServerClosed) {
			s.options.Log.Error().Err(err).Msg("http listener")
		}
	})
}

// Close closes the listener. It waits up to stopTime for requests in progress.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close() // some requests took too long
	}
	s.serving.Wait()
	return err
}

// handler returns the handler of all paths.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", s.page(s.options.Metrics))
	mux.Handle("/metrics/ipvs", s.page(s.options.IPVS))
	mux.HandleFunc("/healthz", s.healthz)
	mux.HandleFunc("/readyz", s.readyz)
	if s.options.Page != nil {
		mux.Handle("/", s.page(s.options.Page))
	}
	return guard(mux)
}

// guard refuses all methods but GET and HEAD. It tells browsers to do nothing with an
// answer but display it. A handler that needs more, such as its own scripts, sets its own
// Content-Security-Policy.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "nothing can be changed here", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// page returns the handler of everything but health.
func (s *Server) page(next http.Handler) http.Handler {
	return s.named(s.started(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.busy <- struct{}{}:
			defer func() { <-s.busy }()
			next.ServeHTTP(connlimit.Pace(w), r)
		default:
			w.Header().Set("Retry-After", "1")
			unavailable(w, fmt.Sprintf("%d pages are being sent: try again later", maxBusy))
		}
	})))
}

func (s *Server) at() Phase { return Phase(s.phase.Load()) }

// started answers 503 instead of next until there are numbers to show.
func (s *Server) started(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.at() == Starting {
			unavailable(w, notReady[Starting])
			return
		}
		next.ServeHTTP(w, r)
	})
}

// notReady says, by phase, why a director is not ready.
var notReady = map[Phase]string{
	Starting: "the director is starting",
	Working:  "the next hops of real servers are not known yet",
	Stopping: "the director is stopping",
}

// readyz says whether traffic may be sent here.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if why := notReady[s.at()]; why != "" {
		unavailable(w, why)
		return
	}
	if s.options.Fit != nil {
		if err := s.options.Fit(); err != nil {
			unavailable(w, err.Error())
			return
		}
	}
	fine(w, "ready")
}

// healthz says whether the workers work.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	if p := s.at(); p == Working || p == Ready {
		if err := s.options.Healthy(); err != nil {
			unavailable(w, err.Error())
			return
		}
	}
	fine(w, "ok")
}

func fine(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, text)
}

func unavailable(w http.ResponseWriter, why string) {
	http.Error(w, why, http.StatusServiceUnavailable)
}
