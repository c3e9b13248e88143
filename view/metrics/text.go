package metrics

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// metric is the static description of one metric: a family in Prometheus' words.
type metric struct {
	name, help, kind string
	labels           []string
	order            []int // the indices of labels, sorted by name
}

// set is the metrics of one page.
type set []*metric

func (s *set) counter(name, help string, labels ...string) *metric {
	return s.define(name, help, "counter", labels...)
}

func (s *set) gauge(name, help string, labels ...string) *metric {
	return s.define(name, help, "gauge", labels...)
}

func (s *set) define(name, help, kind string, labels ...string) *metric {
	m := &metric{name: name, help: help, kind: kind, labels: labels}
	for i := range labels {
		m.order = append(m.order, i)
	}
	slices.SortFunc(m.order, func(a, b int) int { return cmp.Compare(labels[a], labels[b]) })
	*s = append(*s, m)
	return m
}

// sample is one value of a metric, or a histogram.
type sample struct {
	values  []string // of the labels, in the order of their names
	value   float64  // of a histogram the sum
	buckets []uint64 // cumulative; bucket i ends at 2^i
}

// sink collects the samples of a scrape.
type sink map[*metric][]sample

func (out sink) put(m *metric, v float64, labels ...string) {
	out[m] = append(out[m], sample{values: m.sorted(labels), value: v})
}

func (out sink) count(m *metric, n uint64, labels ...string) { out.put(m, float64(n), labels...) }

// histogram takes the numbers of observations of 1, of 2, of 3 to 4, of 5 to 8 and so on.
func (out sink) histogram(m *metric, counts []uint64, sum float64, labels ...string) {
	cumulative, n := make([]uint64, len(counts)), uint64(0)
	for i, c := range counts {
		n += c
		cumulative[i] = n
	}
	out[m] = append(out[m], sample{m.sorted(labels), sum, cumulative})
}

// sorted returns the values of labels in the order of the labels' names.
func (m *metric) sorted(values []string) []string {
	all := make([]string, len(m.labels))
	for i, from := range m.order {
		all[i] = values[from]
	}
	return all
}

// write writes the samples of a set in Prometheus' text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats). Metrics are in the order
// of their names, samples in the order of their labels. If names is not empty, only
// metrics that it has are written.
func (out sink) write(b *bytes.Buffer, s set, names []string) {
	for _, m := range slices.SortedFunc(slices.Values(s), func(a, b *metric) int { return cmp.Compare(a.name, b.name) }) {
		samples := out[m]
		if len(samples) == 0 || len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		slices.SortStableFunc(samples, func(a, b sample) int { return slices.Compare(a.values, b.values) })
		b.WriteString("# HELP " + m.name + " " + helpEscaper.Replace(m.help) + "\n# TYPE " + m.name + " " + m.kind + "\n")
		for i := range samples {
			m.write(b, &samples[i])
		}
	}
}

func (m *metric) write(b *bytes.Buffer, s *sample) {
	if m.kind != "histogram" {
		m.line(b, "", s.values, "", s.value)
		return
	}
	n := uint64(0)
	for i, c := range s.buckets {
		n = c
		m.line(b, "_bucket", s.values, number(math.Ldexp(1, i)), float64(c))
	}
	m.line(b, "_bucket", s.values, "+Inf", float64(n))
	m.line(b, "_sum", s.values, "", s.value)
	m.line(b, "_count", s.values, "", float64(n))
}

// line writes one line. upTo is the upper bound of a bucket, or empty.
func (m *metric) line(b *bytes.Buffer, suffix string, values []string, upTo string, v float64) {
	b.WriteString(m.name + suffix)
	separator := byte('{')
	label := func(name, value string) {
		b.WriteByte(separator)
		b.WriteString(name + `="` + valueEscaper.Replace(value) + `"`)
		separator = ','
	}
	for i, from := range m.order {
		label(m.labels[from], values[i])
	}
	if upTo != "" {
		label("le", upTo)
	}
	if separator == ',' {
		b.WriteByte('}')
	}
	b.WriteString(" " + number(v) + "\n")
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

var (
	helpEscaper  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	valueEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)
