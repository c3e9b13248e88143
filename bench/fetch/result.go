package fetch

import (
	"slices"
	"time"
)

// Result has the results of one Run.
type Result struct {
	Requests int            // good and failed ones
	Servers  map[string]int // good requests by the name of the server
	Errors   map[Kind]int   // failed requests
	First    error          // an example of a failure
	Duration time.Duration

	// Latencies of the good requests, from connecting to the end of the reply, ascending.
	Latencies []time.Duration
}

// Failed returns the number of requests without a good reply.
func (r Result) Failed() int {
	n := 0
	for _, v := range r.Errors {
		n += v
	}
	return n
}

// Rate returns the number of good connections per second.
func (r Result) Rate() float64 {
	if r.Duration == 0 {
		return 0
	}
	return float64(len(r.Latencies)) / r.Duration.Seconds()
}

// Percentile returns the latency that p percent of the good requests did not exceed
// (nearest rank), or 0 if there were none.
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

// gather adds up the records of all clients.
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
