// Package metrics exports a director's counters to Prometheus: under its own names
// (docs/metrics.md lists them), and under the names that node_exporter uses for IPVS.
//
// A scrape reads what workers and ports publish anyway. This package counts nothing, and
// the packages that handle packets do not know Prometheus.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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

// New returns a registry of the metrics of s under the director's own names.
func New(s Source) *prometheus.Registry { return registry(&native, s, collectNative) }

// NewIPVS returns a registry of the IPVS metrics of s under node_exporter's names.
func NewIPVS(s Source) *prometheus.Registry { return registry(&ipvs, s, collectIPVS) }

// maxScrapes is how many scrapes are answered at the same time. Each keeps its numbers in
// memory until the client has read them.
const maxScrapes = 4

// Handler answers scrapes of g.
func Handler(g prometheus.Gatherer, log zerolog.Logger) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorLog:            printer{log},
		MaxRequestsInFlight: maxScrapes,
	})
}

// printer logs why a scrape cannot be answered.
type printer struct{ log zerolog.Logger }

// Println implements promhttp.Logger.
func (p printer) Println(v ...any) { p.log.Warn().Interface("problem", v).Msg("metrics") }

// metric is the static description of one metric.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// set is the metrics of one registry.
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

// sink receives the metrics of a scrape.
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

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range *c.set {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) { c.collect(c.source, out) }
