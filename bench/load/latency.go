package load

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Resolution and range of a histogram: microseconds, three digits, up to one hour.
const (
	finest    = int64(time.Microsecond)
	longest   = int64(time.Hour)
	precision = 3
)

// Latency is the distribution of a time.
type Latency struct {
	Summary
	hist *hdrhistogram.Histogram // nil if only the summary is known
}

// Summary summarises a distribution: the number of values, and times in
// nanoseconds. Unknown values are 0.
type Summary struct {
	Count  int64         `json:"count"`
	Min    time.Duration `json:"min"`
	Mean   time.Duration `json:"mean"`
	StdDev time.Duration `json:"stddev"`
	P50    time.Duration `json:"p50"`
	P90    time.Duration `json:"p90"`
	P99    time.Duration `json:"p99"`
	P999   time.Duration `json:"p999"`
	Max    time.Duration `json:"max"`
}

func newLatency() Latency {
	return Latency{hist: hdrhistogram.New(finest, longest, precision)}
}

// record adds a time. A time out of range is recorded as the nearest limit.
func (l *Latency) record(d time.Duration) {
	_ = l.hist.RecordValue(min(max(int64(d), 0), longest)) // cannot fail: the value is in range
}

// sum computes the summary from the histogram.
func (l *Latency) sum() {
	h := l.hist
	p := h.ValueAtPercentilesSlice([]float64{50, 90, 99, 99.9})
	l.Summary = Summary{
		Count: h.TotalCount(), Min: time.Duration(h.Min()), Max: time.Duration(h.Max()),
		Mean: time.Duration(h.Mean()), StdDev: time.Duration(h.StdDev()),
		P50: time.Duration(p[0]), P90: time.Duration(p[1]), P99: time.Duration(p[2]), P999: time.Duration(p[3]),
	}
}

// Percentile returns the time that p percent of the values did not exceed.
func (l *Latency) Percentile(p float64) time.Duration {
	if l.hist == nil {
		return 0
	}
	return time.Duration(l.hist.ValueAtPercentile(p))
}

// merged returns the distribution of both.
func (l Latency) merged(other Latency) Latency {
	if l.hist == nil && other.hist == nil {
		return l
	}
	both := newLatency()
	for _, h := range []*hdrhistogram.Histogram{l.hist, other.hist} {
		if h != nil {
			both.hist.Merge(h)
		}
	}
	both.sum()
	return both
}

// latencyJSON is the JSON form of a Latency: the summary, and the histogram in
// HdrHistogram's text form, which its tools read.
type latencyJSON struct {
	Summary
	HDR string `json:"hdr,omitempty"`
}

// MarshalJSON writes the summary and the whole histogram.
func (l Latency) MarshalJSON() ([]byte, error) {
	out := latencyJSON{Summary: l.Summary}
	if l.hist != nil {
		text, err := l.hist.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, fmt.Errorf("encode a histogram: %w", err)
		}
		out.HDR = string(text)
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads the output of MarshalJSON.
func (l *Latency) UnmarshalJSON(text []byte) error {
	var in latencyJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	l.Summary, l.hist = in.Summary, nil
	if in.HDR == "" {
		return nil
	}
	hist, err := hdrhistogram.Decode([]byte(in.HDR))
	if err != nil {
		return fmt.Errorf("decode a histogram: %w", err)
	}
	l.hist = hist
	return nil
}
