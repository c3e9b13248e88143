package load

import (
	"fmt"
	"math"
	"time"

	"director/bench/fetch"
)

// Report is what became of a plan: of the connections of its measured part, if
// nothing else is said. Its times are nanoseconds in JSON.
type Report struct {
	Engine string    `json:"engine"` // epoll, or another program
	Plan   Plan      `json:"plan"`
	Start  time.Time `json:"start"`
	Took   time.Duration
	Notes  []string `json:"notes,omitempty"` // what the engine cannot do or measure

	Clients  int `json:"clients"` // processes
	Threads  int `json:"threads"` // of all clients
	MostOpen int `json:"mostOpen"`

	Connections int64 `json:"connections"` // that were due
	Unstarted   int64 `json:"unstarted"`   // of those, never begun: the client was late by more than the time-out
	Late        int64 `json:"late"`        // of those, begun more than 10 ms late
	Connected   int64 `json:"connected"`

	Requests  int64            `json:"requests"`
	Replies   int64            `json:"replies"`           // good ones
	Classes   [6]int64         `json:"classes"`           // all that had a status, by its first digit
	Servers   map[string]int64 `json:"servers,omitempty"` // good ones by X-Server
	HeadBytes int64            `json:"headBytes"`         // of good ones
	BodyBytes int64            `json:"bodyBytes"`

	Errors   map[fetch.Kind]int64  `json:"errors,omitempty"`
	Examples map[fetch.Kind]string `json:"examples,omitempty"` // one of each

	// Samples are good replies by the interval, from the end of the warm-up on,
	// in which they ended, whatever part their connection belongs to.
	Samples   []int64       `json:"samples,omitempty"`
	Interval  time.Duration `json:"interval"`
	ReplyRate Rate          `json:"replyRate"`

	// Response is from the moment that the request was due to the end of its
	// reply, so that it holds how late the client was: nothing is left out that
	// a user would have waited. Uncorrected begins when the client did. Both
	// hold connecting if the request is its connection's first.
	Response    Latency `json:"response"`
	Uncorrected Latency `json:"uncorrected"`
	Connect     Latency `json:"connect"`
	FirstByte   Latency `json:"firstByte"` // from the request to the first byte of the reply: httperf's response
	Lateness    Latency `json:"lateness"`  // of the begin of a connection

	CPU CPU `json:"cpu"` // of all threads of all clients
}

// Rate is good replies per second: over the whole measured part, and what the
// samples say of it. One sample has no deviation.
type Rate struct {
	Mean    float64 `json:"mean"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	StdDev  float64 `json:"stddev"`
	Samples int     `json:"samples"`
}

// CPU is processor time.
type CPU struct {
	User   time.Duration `json:"user"`
	System time.Duration `json:"system"`
}

// Total is all of it.
func (c CPU) Total() time.Duration { return c.User + c.System }

// Failed is how many connections failed.
func (r *Report) Failed() int64 {
	var n int64
	for _, v := range r.Errors {
		n += v
	}
	return n
}

// rates fills in ReplyRate from the samples.
func (r *Report) rates() {
	r.ReplyRate = Rate{}
	var all int64
	whole := int(r.Plan.Duration / r.Interval) // a last interval that is cut off says nothing
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

// Merge returns the report of two clients of one plan: counts and times are
// added. The plan is the first one's, its share all that the clients shared.
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

// added returns the sums of two sets of counts.
func added[K comparable](a, b map[K]int64) map[K]int64 {
	sum := make(map[K]int64, len(a))
	for _, counts := range []map[K]int64{a, b} {
		for k, n := range counts {
			sum[k] += n
		}
	}
	return sum
}

// Verdict says which end a run found the limit of.
type Verdict string

// What a run shows. The client is judged first: what it did not ask says
// nothing of the target.
const (
	Held              Verdict = "held"             // the rate was offered, and answered
	ClientSaturates   Verdict = "client saturates" // it was not offered
	TargetSaturates   Verdict = "target saturates" // it was offered, and more than a hundredth not answered well
	RateNotDetermined Verdict = "not determined"   // the engine offers no rate of its own
)

// tolerated is the share of connections that may begin late or fail. A pause of
// the machine hits some in every long run.
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
