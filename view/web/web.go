// Package web is the director's own HTTP listener: metrics, health, and a page for
// people. Nothing can be changed by it, and nobody who talks to it slowly, or not at
// all, keeps others from it for long or costs more than a bounded amount of memory.
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
	"golang.org/x/net/netutil"
)

// Bounds for clients. A connection costs some ten kilobytes; a client that does not
// read is given up after writeTime.
const (
	maxConns   = 64
	maxHeader  = 8 << 10 // bytes, to which net/http adds 4096
	headerTime = 5 * time.Second
	readTime   = 10 * time.Second
	writeTime  = 15 * time.Second
	idleTime   = 2 * time.Minute // longer than between two scrapes
	stopTime   = 2 * time.Second // for requests in progress at the end
)

// Phase is where a director is in its life.
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
	// Page answers everything that is not named otherwise; nil: nothing does.
	Page http.Handler
	// Healthy says what is wrong with the workers, if anything. It is asked while
	// they work.
	Healthy func() error
	Log     zerolog.Logger
}

// Server answers on one listener. Its methods may be called by any goroutine.
type Server struct {
	options Options
	http    http.Server
	phase   atomic.Int32
	serving sync.WaitGroup
}

// New returns a server of a director that starts.
func New(o Options) *Server {
	s := &Server{options: o}
	s.http = http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          stdlog.New(debugWriter{o.Log}, "", 0),
	}
	return s
}

// debugWriter logs what net/http says of single clients.
type debugWriter struct{ log zerolog.Logger }

// Write is io.Writer's.
func (w debugWriter) Write(b []byte) (int, error) {
	w.log.Debug().Bytes("problem", b).Msg("http")
	return len(b), nil
}

// SetPhase notes where the director is.
func (s *Server) SetPhase(p Phase) { s.phase.Store(int32(p)) }

// Serve begins to answer on l, which becomes the server's. It returns at once.
func (s *Server) Serve(l net.Listener) {
	s.serving.Go(func() {
		// What ends it is Close: of a listener that was opened nothing else breaks.
		if err := s.http.Serve(netutil.LimitListener(l, maxConns)); !errors.Is(err, http.ErrServerClosed) {
			s.options.Log.Error().Err(err).Msg("http listener")
		}
	})
}

// Close ends the listener, and waits a little for requests in progress.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close() // their clients took too long
	}
	s.serving.Wait()
	return err
}

// handler is what the server answers.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", s.started(s.options.Metrics))
	mux.Handle("/metrics/ipvs", s.started(s.options.IPVS))
	mux.HandleFunc("/healthz", s.healthz)
	mux.HandleFunc("/readyz", s.readyz)
	if s.options.Page != nil {
		mux.Handle("/", s.started(s.options.Page))
	}
	return guard(mux)
}

// guard lets readers in only, and tells browsers to do nothing with an answer but
// show it. A handler that needs more, scripts of its own for example, says so by a
// Content-Security-Policy of its own.
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

func (s *Server) at() Phase { return Phase(s.phase.Load()) }

// started answers for next until there are numbers to show.
func (s *Server) started(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.at() == Starting {
			unavailable(w, notReady[Starting])
			return
		}
		next.ServeHTTP(w, r)
	})
}

// notReady says why a director is not, by phase.
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
