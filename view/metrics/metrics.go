// Package metrics exports a director's counters to Prometheus: under its own names
// (docs/metrics.md lists them), and under the names that node_exporter uses for IPVS.
//
// A scrape reads what workers and ports publish anyway. This package counts nothing, and
// the packages that handle packets do not know Prometheus.
package metrics

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/rs/zerolog"

	"director/control"
	"director/view/figures"
)

// Source provides the numbers. Several goroutines may ask it at once.
type Source interface {
	Figures() figures.Figures
	// Services lists the services with their servers.
	Services() []control.Service
	// Counted is the sum over all services, including those that were removed.
	Counted() control.Stats
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

// text returns what a scrape gets. names selects metrics; without names it has all.
func (p *Page) text(names []string) []byte {
	var b bytes.Buffer
	out := sink{}
	p.collect(p.source, out)
	out.write(&b, p.set, names)
	return b.Bytes()
}

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
		text := p.text(r.URL.Query()["name[]"])
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Add("Vary", "Accept-Encoding")
		if err := send(w, text, takesGzip(r.Header)); err != nil {
			log.Debug().Err(err).Msg("a scrape was cut short")
		}
	})
}

// send writes a page, compressed if the client takes that.
func send(w http.ResponseWriter, text []byte, compressed bool) error {
	if !compressed {
		_, err := w.Write(text)
		return err
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	if _, err := io.Copy(z, bytes.NewReader(text)); err != nil {
		return err
	}
	return z.Close()
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
