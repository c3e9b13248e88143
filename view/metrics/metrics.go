// Package metrics shows what a director counts to Prometheus: under its own names
// (docs/metrics.md lists them), and under those that node_exporter gives to IPVS.
//
// A scrape reads what workers and ports publish anyway. Nothing is counted here,
// and nothing of Prometheus is known where packets are handled.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"director/control"
	"director/view/figures"
)

// Source is where the numbers come from. It is asked by several goroutines.
type Source interface {
	Figures() figures.Figures
	// Services lists the services with their servers.
	Services() []control.Service
	// Counted is what all services have counted that there ever were.
	Counted() control.Stats
}

// New returns a registry of the metrics of s under the director's own names.
func New(s Source) *prometheus.Registry { return registry(&native, s, collectNative) }

// NewIPVS returns a registry of those of IPVS under node_exporter's names.
func NewIPVS(s Source) *prometheus.Registry { return registry(&ipvs, s, collectIPVS) }

// maxScrapes is how many scrapes are answered at a time. Each holds its numbers in
// memory until its client has read them.
const maxScrapes = 4

// Handler answers scrapes of g.
func Handler(g prometheus.Gatherer, log zerolog.Logger) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorLog:            printer{log},
		MaxRequestsInFlight: maxScrapes,
	})
}

// printer logs what keeps a scrape from being answered.
type printer struct{ log zerolog.Logger }

// Println is promhttp's.
func (p printer) Println(v ...any) { p.log.Warn().Interface("problem", v).Msg("metrics") }

// metric is one name with what is known of it beforehand.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// set is the metrics that one registry shows.
type set []*prometheus.Desc

func (s *set) counter(name, help string, labels ...string) metric {
	return metric{s.define(name, help, labels...), prometheus.CounterValue}
}

func (s *set) gauge(name, help string, labels ...string) metric {
	return metric{s.define(name, help, labels...), prometheus.GaugeValue}
}

func (s *set) define(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, labels, nil)
	*s = append(*s, d)
	return d
}

// sink is where a scrape's metrics go.
type sink chan<- prometheus.Metric

func (out sink) put(m metric, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
}

func (out sink) count(m metric, n uint64, labels ...string) { out.put(m, float64(n), labels...) }

// collector is a prometheus.Collector of a set.
type collector struct {
	set     *set
	source  Source
	collect func(Source, sink)
}

func registry(s *set, source Source, collect func(Source, sink)) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{s, source, collect})
	return r
}

// Describe is prometheus.Collector's.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range *c.set {
		out <- d
	}
}

// Collect is prometheus.Collector's.
func (c collector) Collect(out chan<- prometheus.Metric) { c.collect(c.source, out) }
