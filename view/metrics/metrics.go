// Package metrics exports a director's counters to Prometheus: under its own names
// (docs/metrics.md lists them), and under the names that node_exporter uses for IPVS.
//
// A scrape reads what workers and ports publish anyway. This package counts nothing, and
// the packages that handle packets do not know Prometheus.
package metrics

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"director/control"
	"director/view/figures"
)

// Source provides the numbers. Several goroutines may ask it at once.
type Source interface {
	Figures() figures.Figures
	// EachService calls f for each service with its servers, until f returns false. f must
	// not keep what it gets.
	EachService(f func(*control.Service) bool)
	// Counted is the sum over all services, including those that were removed.
	Counted() control.Stats
	// States counts the connections in each state.
	States() []figures.State
	Process() figures.Process
}

// Page is the metrics of one source under one set of names.
type Page struct {
	set     set
	source  Source
	collect func(Source, sink)
}

// New returns the metrics of s under the director's own names.
func New(s Source) *Page { return &Page{native, s, collectNative} }

// NewIPVS returns the IPVS metrics of s under node_exporter's names.
func NewIPVS(s Source) *Page { return &Page{ipvs, s, collectIPVS} }

// maxScrapes is how many scrapes are answered at the same time. Each keeps its numbers in
// memory until the client has read them.
const maxScrapes = 4

// contentType is that of Prometheus' text format. Every version of Prometheus reads it,
// whatever else it would accept.
const contentType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

// Handler answers scrapes of p. As in Prometheus' own handlers, name[] in the query
// selects metrics.
func Handler(p *Page, log zerolog.Logger) http.Handler {
	scrapes := make(chan struct{}, maxScrapes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case scrapes <- struct{}{}:
			defer func() { <-scrapes }()
		default:
			http.Error(w, fmt.Sprintf("Limit of concurrent requests reached (%d), try again later.", maxScrapes), http.StatusServiceUnavailable)
			return
		}
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Add("Vary", "Accept-Encoding")
		if err := p.send(w, r); err != nil {
			log.Debug().Err(err).Msg("a scrape was cut short")
			// The client has got a part of the text with status 200. It must not take the
			// part for the whole: net/http closes the connection before the last chunk.
			panic(http.ErrAbortHandler)
		}
	})
}

// send writes a page chunk by chunk, compressed if the client takes that. A page of many
// servers does not fit into memory more than once. HTTP/1.0 has no chunks, and the end of
// the connection is the end of the page. There the page is written twice: once to learn
// its length, so that the client knows the length, too.
func (p *Page) send(w http.ResponseWriter, r *http.Request) error {
	numbers, names := newSink(), r.URL.Query()["name[]"]
	p.collect(p.source, numbers)
	write := func(to io.Writer) error { return numbers.write(to, p.set, names) }
	if takesGzip(r.Header) {
		plain := write
		write = func(to io.Writer) error {
			z, _ := gzip.NewWriterLevel(to, gzip.BestSpeed) // the level is valid, so there is no error
			if err := plain(z); err != nil {
				return err
			}
			return z.Close()
		}
		w.Header().Set("Content-Encoding", "gzip")
	}
	if !r.ProtoAtLeast(1, 1) {
		var n length
		if err := write(&n); err != nil {
			return err
		}
		w.Header().Set("Content-Length", strconv.FormatInt(int64(n), 10))
	}
	return write(w)
}

// length is a writer that counts bytes.
type length int64

func (l *length) Write(b []byte) (int, error) {
	*l += length(len(b))
	return len(b), nil
}

// takesGzip reports whether a client accepts gzip (RFC 9110 §12.5.3).
func takesGzip(h http.Header) bool {
	for _, list := range h.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(list, ",") {
			name, quality, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
			if strings.EqualFold(name, "gzip") {
				return strings.Trim(strings.TrimPrefix(quality, "q="), "0.") != "" || quality == ""
			}
		}
	}
	return false
}
