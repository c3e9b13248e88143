// Package page is the status page, which shows people what a director does. The server
// renders it as one HTML page, and a small script keeps it up to date. It needs no other
// host, no file and no build step. It changes nothing.
package page

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"director/control"
	"director/view/figures"
)

// Source is the director that is shown. Its methods are called by any goroutine, one call
// at a time. The page owns what they return.
type Source interface {
	Figures() figures.Figures
	Services() []control.Service
	// EachService calls f for each service until f returns false. f must not keep what it
	// gets.
	EachService(f func(*control.Service) bool)
	// Differences returns what was changed at run time, most of them at most.
	Differences(most int) []control.Difference
}

// freshness is how long an answer of the source is used. So the source is asked twice a
// second at most, by any number of readers.
const freshness = 500 * time.Millisecond

// shortest is the shortest time that rates are computed over. Rates over a few milliseconds
// would say little.
const shortest = 2 * time.Second

// Page is an http.Handler. Its methods may be called by any goroutine.
type Page struct {
	source Source
	log    zerolog.Logger
	host   string

	mu      sync.Mutex
	latest  snapshot
	history history
	// samples are the figures at the last two samples, the older first; nil before
	// the first ones. Rates are computed from them.
	samples [2]*figures.Figures
}

// snapshot is a source at one moment. Services are in the order in which ipvsadm lists them.
type snapshot struct {
	figures  figures.Figures
	services []control.Service
	changes  []control.Difference // one more than the page shows, if there are so many
	taken    time.Time
}

// New returns a page that shows source. Run keeps its history.
func New(source Source, log zerolog.Logger) *Page {
	host, err := os.Hostname()
	if err != nil {
		log.Warn().Err(err).Msg("status page without the host's name")
	}
	return &Page{source: source, log: log, host: host, history: newHistory()}
}

// Run takes a sample every Period until ctx ends.
func (p *Page) Run(ctx context.Context) {
	ticker := time.NewTicker(Period)
	defer ticker.Stop()
	for {
		p.sample()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sample adds a point to each line. The first sample adds none: rates need two. It lists no
// services at once, because mostly nobody reads the page. What the last reader has seen is
// dropped.
func (p *Page) sample() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = snapshot{}
	now := p.source.Figures()
	if then := p.samples[1]; then != nil {
		p.history.add(&now, figures.Compare(then, &now), p.source.EachService)
	}
	p.samples[0], p.samples[1] = p.samples[1], &now
}

// ask updates the snapshot. The caller holds the lock.
func (p *Page) ask() {
	p.latest = snapshot{p.source.Figures(), control.Sorted(p.source.Services()), p.source.Differences(mostChanges + 1), time.Now()}
}

// view returns the view for the choice of a reader.
func (p *Page) view(choice choice) *view {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest.taken.IsZero() || time.Since(p.latest.taken) >= freshness {
		p.ask()
	}
	now, then := &p.latest.figures, p.samples[1]
	if then != nil && now.At.Sub(then.At) < shortest && p.samples[0] != nil {
		then = p.samples[0]
	}
	return newView(p.host, &p.latest, figures.Compare(then, now), &p.history, choice)
}

// ServeHTTP answers "/" with the page. With ?part=main it answers with the changing part
// of the page.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/":
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page is for reading", http.StatusMethodNotAllowed)
		return
	}
	query := r.URL.Query()
	part := "page"
	if query.Get("part") == "main" {
		part = "main"
	}
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, part, p.view(readChoice(query))); err != nil {
		p.log.Error().Err(err).Msg("status page")
		http.Error(w, "the page cannot be shown: see the log", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding")
	p.send(w, r, &body)
}

// send writes the body, compressed if the client accepts that. A page of a thousand servers
// shrinks to a tenth, which matters on a slow line.
func (p *Page) send(w http.ResponseWriter, r *http.Request, body *bytes.Buffer) {
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		var small bytes.Buffer
		z, _ := gzip.NewWriterLevel(&small, gzip.BestSpeed) // the level is valid, so there is no error
		_, _ = body.WriteTo(z)                              // memory: there is no error
		_ = z.Close()                                       // the same
		w.Header().Set("Content-Encoding", "gzip")
		body = &small
	}
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := body.WriteTo(w); err != nil {
		p.log.Debug().Err(err).Msg("status page: the reader has left")
	}
}

// takesGzip reads an Accept-Encoding (RFC 9110 §12.5.3).
func takesGzip(accept string) bool {
	for entry := range strings.SplitSeq(accept, ",") {
		coding, parameters, _ := strings.Cut(entry, ";")
		if strings.TrimSpace(coding) == "gzip" {
			q, weighed := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
			return !weighed || strings.Trim(q, "0.") != ""
		}
	}
	return false
}
