package load

import (
	"fmt"
	"math"
	"time"

	"director/bench/fetch"
)

// Report is the result of a plan. Unless stated otherwise it covers the connections
// of the measured part. Its times are nanoseconds in JSON.
type Report struct {
	Engine string    `json:"engine"` // epoll, or the name of another program
	Plan   Plan      `json:"plan"`
	Start  time.Time `json:"start"`
	Took   time.Duration
	Notes  []string `json:"notes,omitempty"` // what the engine cannot do or measure

	Clients  int `json:"clients"` // processes
	Threads  int `json:"threads"` // of all clients together
	MostOpen int `json:"mostOpen"`

	Connections int64 `json:"connections"` // connections that were due
	Unstarted   int64 `json:"unstarted"`   // of these, never begun, because the client was late by more than the time-out
	Late        int64 `json:"late"`        // of these, begun more than 10 ms late
	Connected   int64 `json:"connected"`

	Requests  int64            `json:"requests"`
	Replies   int64            `json:"replies"`           // good replies
	Classes   [6]int64         `json:"classes"`           // all replies with a status, by its first digit
	Servers   map[string]int64 `json:"servers,omitempty"` // good replies by X-Server
	HeadBytes int64            `json:"headBytes"`         // of good replies
	BodyBytes int64            `json:"bodyBytes"`

	Errors   map[fetch.Kind]int64  `json:"errors,omitempty"`
	Examples map[fetch.Kind]string `json:"examples,omitempty"` // one error text for each kind

	// Samples are the good replies by the interval in which they ended, from the
	// end of the warm-up on. They include replies of connections outside the
	// measured part.
	Samples   []int64       `json:"samples,omitempty"`
	Interval  time.Duration `json:"interval"`
	ReplyRate Rate          `json:"replyRate"`

	// Response is the time from the moment when the request was due to the end of
	// its reply. It includes the delay of the client, so it covers the whole time
	// that a user would have waited. Uncorrected starts when the client started the
	// request. Both include connecting for the first request of a connection.
	Response    Latency `json:"response"`
	Uncorrected Latency `json:"uncorrected"`
	Connect     Latency `json:"connect"`
	FirstByte   Latency `json:"firstByte"` // from the request to the first byte of the reply; httperf calls it response
	Lateness    Latency `json:"lateness"`  // delay of a connection's start

	CPU CPU `json:"cpu"` // of all threads of all clients
}

// Rate is the good replies per second: over the whole measured part, and statistics
// of the samples. One sample has no deviation.
type Rate struct {
	Mean    float64 `json:"mean"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	StdDev  float64 `json:"stddev"`
	Samples int     `json:"samples"`
}

// CPU is CPU time.
type CPU struct {
	User   time.Duration `json:"user"`
	System time.Duration `json:"system"`
}

// Total returns the sum of both.
func (c CPU) Total() time.Duration { return c.User + c.System }

// Failed returns how many connections failed.
func (r *Report) Failed() int64 {
	var n int64
	for _, v := range r.Errors {
		n += v
	}
	return n
}

// rates computes ReplyRate from the samples.
func (r *Report) rates() {
	r.ReplyRate = Rate{}
	var all int64
	whole := int(r.Plan.Duration / r.Interval) // an incomplete last interval is ignored
	var sum, squares float64
	for i, n := range r.Samples {
		all += n
		if i >= whole {
			continue
		}
		v := float64(n) / r.Interval.Seconds()
		if sum += v; i == 0 || v < r.ReplyRate.Min {
			r.ReplyRate.Min = v
		}
		r.ReplyRate.Max = max(r.ReplyRate.Max, v)
	}
	mean := sum / float64(max(1, whole))
	for _, n := range r.Samples[:whole] {
		d := float64(n)/r.Interval.Seconds() - mean
		squares += d * d
	}
	if whole > 1 {
		r.ReplyRate.StdDev = math.Sqrt(squares / float64(whole-1))
	}
	r.ReplyRate.Samples = whole
	r.ReplyRate.Mean = float64(all) / r.Plan.Duration.Seconds()
}

// Merge returns the report of two clients of one plan together. Counts and times
// are added. The plan is the first client's. Its Share covers the whole plan.
func (r Report) Merge(o Report) (Report, error) {
	if len(r.Samples) != len(o.Samples) || r.Interval != o.Interval || r.Plan.Warmup != o.Plan.Warmup || r.Plan.Duration != o.Plan.Duration {
		return r, fmt.Errorf("reports of %d samples every %v and of %d every %v are not of one plan",
			len(r.Samples), r.Interval, len(o.Samples), o.Interval)
	}
	m := r
	m.Plan.Share = Share{Of: 1}
	m.Clients += o.Clients
	m.Threads += o.Threads
	m.MostOpen += o.MostOpen
	m.Took = max(r.Took, o.Took)
	m.Connections += o.Connections
	m.Unstarted += o.Unstarted
	m.Late += o.Late
	m.Connected += o.Connected
	m.Requests += o.Requests
	m.Replies += o.Replies
	m.HeadBytes += o.HeadBytes
	m.BodyBytes += o.BodyBytes
	m.CPU.User += o.CPU.User
	m.CPU.System += o.CPU.System
	for i := range m.Classes {
		m.Classes[i] += o.Classes[i]
	}
	m.Samples = make([]int64, len(r.Samples))
	for i := range m.Samples {
		m.Samples[i] = r.Samples[i] + o.Samples[i]
	}
	m.Errors, m.Servers = added(r.Errors, o.Errors), added(r.Servers, o.Servers)
	m.Examples = make(map[fetch.Kind]string)
	for _, examples := range []map[fetch.Kind]string{o.Examples, r.Examples} {
		for kind, text := range examples {
			m.Examples[kind] = text
		}
	}
	m.Response = r.Response.merged(o.Response)
	m.Uncorrected = r.Uncorrected.merged(o.Uncorrected)
	m.Connect = r.Connect.merged(o.Connect)
	m.FirstByte = r.FirstByte.merged(o.FirstByte)
	m.Lateness = r.Lateness.merged(o.Lateness)
	m.rates()
	return m, nil
}

// added returns the sums of two sets of counters.
func added[K comparable](a, b map[K]int64) map[K]int64 {
	sum := make(map[K]int64, len(a))
	for _, counts := range []map[K]int64{a, b} {
		for k, n := range counts {
			sum[k] += n
		}
	}
	return sum
}

// Verdict is the outcome of a run: which end reached its limit.
type Verdict string

// The outcomes of a run. The client is judged first: if it did not offer the rate,
// the run shows nothing about the target.
const (
	Held              Verdict = "held"             // the rate was offered and answered
	ClientSaturates   Verdict = "client saturates" // the client did not offer the rate
	TargetSaturates   Verdict = "target saturates" // the rate was offered, but more than 1 % was not answered well
	RateNotDetermined Verdict = "not determined"   // the engine has no constant rate
)

// tolerated is the share of connections that may begin late or fail. Every long run
// has some, because the machine pauses.
const tolerated = 0.01

// Verdict judges the run.
func (r *Report) Verdict() Verdict {
	var own int64
	for kind, n := range r.Errors {
		if kind.Own() {
			own += n
		}
	}
	limit := tolerated * float64(r.Connections)
	switch {
	case r.Plan.Rate == 0:
		return RateNotDetermined
	case float64(r.Unstarted+r.Late+own) > limit || r.Connections == 0:
		return ClientSaturates
	case float64(r.Failed()) > limit:
		return TargetSaturates
	}
	return Held
}
