package load

import (
	"slices"
	"time"
)

// Result is what became of the requests of one Run.
type Result struct {
	Requests int            // that were made, good or failed
	Servers  map[string]int // good ones by the name of the server that answered
	Errors   map[Kind]int   // failed ones
	First    error          // one of the failures, as an example
	Duration time.Duration

	// Latencies of the good requests, connecting to end of reply, ascending.
	Latencies []time.Duration
}

// Failed is how many requests had no good reply.
func (r Result) Failed() int {
	n := 0
	for _, v := range r.Errors {
		n += v
	}
	return n
}

// Rate is how many good connections there were per second.
func (r Result) Rate() float64 {
	if r.Duration == 0 {
		return 0
	}
	return float64(len(r.Latencies)) / r.Duration.Seconds()
}

// Percentile returns the latency that p percent of the good requests did not
// exceed (nearest rank), or 0 when there were none.
func (r Result) Percentile(p float64) time.Duration {
	n := len(r.Latencies)
	if n == 0 {
		return 0
	}
	rank := int(p / 100 * float64(n))
	if float64(rank) < p/100*float64(n) {
		rank++
	}
	return r.Latencies[min(max(rank, 1), n)-1]
}

// gather puts the records of all clients together.
func gather(clients []*client, d time.Duration) Result {
	r := Result{Servers: make(map[string]int), Errors: make(map[Kind]int), Duration: d}
	for _, c := range clients {
		for name, n := range c.servers {
			r.Servers[name] += n
		}
		for kind, n := range c.errors {
			r.Errors[kind] += n
		}
		if r.First == nil {
			r.First = c.first
		}
		r.Latencies = append(r.Latencies, c.latencies...)
	}
	slices.Sort(r.Latencies)
	r.Requests = len(r.Latencies) + r.Failed()
	return r
}
