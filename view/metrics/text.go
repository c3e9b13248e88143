package metrics

import (
	"cmp"
	"io"
	"maps"
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
	labels  string // as text, in the order of their names, without braces
	value   float64
	buckets []uint64 // cumulative; bucket i ends at 2^i; value is then the sum
}

// sink collects the samples of a scrape.
type sink struct {
	samples map[*metric][]sample
	columns map[*metric]column
}

// table holds the samples of metrics that have the same labels: a column for each metric.
// There may be a hundred thousand rows, so a row has its labels only once, and the values
// of many rows lie in one block.
type table struct {
	width  int
	labels []string // of the rows, like those of a sample
	blocks [][]float64
	order  []int32 // of the rows, by their labels; nil: not sorted yet
}

// blockRows is the number of rows in a block.
const blockRows = 1024

// column is the samples of one metric of a table.
type column struct {
	*table
	at    int
	heads *heads // nil: the samples have no further label
}

// heads is a metric that has one label more than the table: its value is always 1. The
// further label comes first by its name.
type heads struct {
	label string
	texts []string // of the rows, shared by the rows with the same value
	known map[string]string
}

func newSink() sink { return sink{map[*metric][]sample{}, map[*metric]column{}} }

func (out sink) put(m *metric, v float64, labels ...string) {
	out.samples[m] = append(out.samples[m], sample{labels: m.text(labels), value: v})
}

func (out sink) count(m *metric, n uint64, labels ...string) { out.put(m, float64(n), labels...) }

// histogram takes the numbers of observations of 1, of 2, of 3 to 4, of 5 to 8 and so on.
func (out sink) histogram(m *metric, counts []uint64, sum float64, labels ...string) {
	cumulative, n := make([]uint64, len(counts)), uint64(0)
	for i, c := range counts {
		n += c
		cumulative[i] = n
	}
	out.samples[m] = append(out.samples[m], sample{m.text(labels), sum, cumulative})
}

// table returns a table of the metrics.
func (out sink) table(columns ...*metric) *table {
	t := &table{width: len(columns)}
	for i, m := range columns {
		out.columns[m] = column{t, i, nil}
	}
	return t
}

// heads adds a metric to a table whose first label the table does not have.
func (out sink) heads(m *metric, t *table) *heads {
	h := &heads{label: m.labels[m.order[0]], known: map[string]string{}}
	out.columns[m] = column{t, 0, h}
	return h
}

// add adds the further label of the next row.
func (h *heads) add(value string) {
	text, known := h.known[value]
	if !known {
		text = h.label + `="` + escape(value) + `",`
		h.known[value] = text
	}
	h.texts = append(h.texts, text)
}

// row adds a row: the text of the labels and a value for each column.
func (t *table) row(labels string, values ...float64) {
	if len(t.labels)%blockRows == 0 {
		t.blocks = append(t.blocks, make([]float64, 0, blockRows*t.width))
	}
	t.labels = append(t.labels, labels)
	last := &t.blocks[len(t.blocks)-1]
	*last = append(*last, values...)
}

// value returns a value of a row.
func (t *table) value(row int32, column int) float64 {
	return t.blocks[row/blockRows][int(row%blockRows)*t.width+column]
}

// sort sorts the rows by their labels. Rows with the same labels keep their order.
func (t *table) sort() {
	if t.order != nil {
		return
	}
	t.order = make([]int32, len(t.labels))
	for i := range t.order {
		t.order[i] = int32(i)
	}
	slices.SortFunc(t.order, func(a, b int32) int {
		return cmp.Or(strings.Compare(t.labels[a], t.labels[b]), cmp.Compare(a, b))
	})
}

// text returns labels with these values as text.
func (m *metric) text(values []string) string {
	b := make([]byte, 0, 96)
	for i, from := range m.order {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, m.labels[from]...), `="`...)
		b = append(append(b, escape(values[from])...), '"')
	}
	return string(b)
}

// write writes the samples of a set in Prometheus' text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats). Metrics are in the order
// of their names, samples in the order of their labels. If names is not empty, only
// metrics that it has are written.
func (out sink) write(w io.Writer, s set, names []string) error {
	t := text{w: w, b: make([]byte, 0, chunk+chunk/4)}
	for _, m := range slices.SortedFunc(slices.Values(s), func(a, b *metric) int { return cmp.Compare(a.name, b.name) }) {
		samples, c := out.samples[m], out.columns[m]
		if len(samples) == 0 && (c.table == nil || len(c.labels) == 0) || len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		t.b = append(t.b, "# HELP "+m.name+" "+helpEscaper.Replace(m.help)+"\n# TYPE "+m.name+" "+m.kind+"\n"...)
		slices.SortStableFunc(samples, func(a, b sample) int { return strings.Compare(a.labels, b.labels) })
		for i := range samples {
			t.sample(m, &samples[i])
		}
		if c.table == nil {
			continue
		}
		c.sort()
		t.column(m, &c)
	}
	t.flush()
	return t.err
}

// chunk is about the number of bytes that are written at a time.
const chunk = 64 << 10

// text writes the lines of a scrape to w. After an error it writes nothing more.
type text struct {
	w   io.Writer
	b   []byte // not written yet
	err error
}

func (t *text) flush() {
	if t.err == nil && len(t.b) > 0 {
		_, t.err = t.w.Write(t.b)
	}
	t.b = t.b[:0]
}

// column writes the samples of a metric of a table.
func (t *text) column(m *metric, c *column) {
	if c.heads == nil {
		for _, row := range c.order {
			t.line(m, "", "", c.labels[row], "", c.value(row, c.at))
		}
		return
	}
	for _, head := range slices.Sorted(maps.Values(c.heads.known)) {
		for _, row := range c.order {
			if c.heads.texts[row] == head {
				t.line(m, "", head, c.labels[row], "", 1)
			}
		}
	}
}

func (t *text) sample(m *metric, s *sample) {
	if m.kind != "histogram" {
		t.line(m, "", "", s.labels, "", s.value)
		return
	}
	n := uint64(0)
	for i, c := range s.buckets {
		n = c
		t.line(m, "_bucket", "", s.labels, string(number(nil, math.Ldexp(1, i))), float64(c))
	}
	t.line(m, "_bucket", "", s.labels, "+Inf", float64(n))
	t.line(m, "_sum", "", s.labels, "", s.value)
	t.line(m, "_count", "", s.labels, "", float64(n))
}

// line writes one line. head is a label with a comma, or empty. upTo is the upper bound of a
// bucket, or empty.
func (t *text) line(m *metric, suffix, head, labels, upTo string, v float64) {
	b := append(append(t.b, m.name...), suffix...)
	if labels != "" || upTo != "" {
		b = append(append(append(b, '{'), head...), labels...)
		if labels != "" && upTo != "" {
			b = append(b, ',')
		}
		if upTo != "" {
			b = append(append(append(b, `le="`...), upTo...), '"')
		}
		b = append(b, '}')
	}
	t.b = append(number(append(b, ' '), v), '\n')
	if len(t.b) >= chunk {
		t.flush()
	}
}

// number appends v. Most values are whole numbers, which take less time.
func number(b []byte, v float64) []byte {
	if n := int64(v); float64(n) == v && n > -1e6 && n < 1e6 {
		return strconv.AppendInt(b, n, 10)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// escape returns the value of a label as it is written.
func escape(value string) string {
	if !strings.ContainsAny(value, "\\\n\"") {
		return value
	}
	return valueEscaper.Replace(value)
}

var (
	helpEscaper  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	valueEscaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)
