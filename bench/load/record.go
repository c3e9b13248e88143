package load

import (
	"time"

	"director/bench/fetch"
)

// recorder holds the measurements of one thread. Times are relative to the start of
// the plan.
type recorder struct {
	from, to time.Duration // the measured interval
	interval time.Duration

	due, unstarted, late  int64
	connected             int64
	requests, replies     int64
	headBytes, bodyBytes  int64
	failed                [len(fetch.Kinds)]int64
	examples              [len(fetch.Kinds)]error
	classes               [6]int64 // replies by the first digit of their status
	samples               []int64  // good replies by the interval in which they ended
	servers               []served
	open, mostOpen        int
	response, uncorrected Latency
	connect, first, delay Latency
}

// served counts the replies of one server.
type served struct {
	name  string
	count int64
}

// lateAfter is the largest accepted delay of a connection's start. A connection
// that starts later is not the requested load.
const lateAfter = 10 * time.Millisecond

// maxServers limits the number of server names. A server that sends a different
// name each time must not exhaust the memory.
const maxServers = 1024

func newRecorder(p Plan) *recorder {
	return &recorder{
		from: p.Warmup, to: p.Warmup + p.Duration, interval: p.Interval,
		samples:  make([]int64, (p.Duration+p.Interval-1)/p.Interval),
		response: newLatency(), uncorrected: newLatency(), connect: newLatency(), first: newLatency(), delay: newLatency(),
	}
}

// measured reports whether a connection that is due at this time counts.
func (r *recorder) measured(due time.Duration) bool { return due >= r.from && due < r.to }

// began counts a connection that was due at due and begins at now.
func (r *recorder) began(due, now time.Duration) {
	if !r.measured(due) {
		return
	}
	r.due++
	r.delay.record(now - due)
	if now-due > lateAfter {
		r.late++
	}
}

// missed counts a connection that is due and never begins.
func (r *recorder) missed(due time.Duration) {
	if r.measured(due) {
		r.due++
		r.unstarted++
	}
}

// established counts an established connection.
func (r *recorder) established(due, took time.Duration) {
	if r.measured(due) {
		r.connected++
		r.connect.record(took)
	}
}

// sent counts a request.
func (r *recorder) sent(due time.Duration) {
	if r.measured(due) {
		r.requests++
	}
}

// times are the times of a request whose reply is complete.
type times struct {
	due   time.Duration // when its connection was due
	asked time.Duration // when the request was due: the planned start of the connection, or the time of a further request
	begun time.Duration // when it began: the start of connecting, or of sending a further request
	sent  time.Duration
	first time.Duration // first byte of the reply
	end   time.Duration
}

// replied counts a good reply.
func (r *recorder) replied(t times, reply *fetch.Reply) {
	if t.end >= r.from && t.end < r.to {
		r.samples[(t.end-r.from)/r.interval]++
	}
	if !r.measured(t.due) {
		return
	}
	r.replies++
	r.classes[reply.Code/100]++
	r.headBytes += int64(reply.Head)
	r.bodyBytes += reply.Body
	r.response.record(t.end - t.asked)
	r.uncorrected.record(t.end - t.begun)
	r.first.record(t.first - t.sent)
	r.count(reply.Server())
}

// count counts a reply of a server.
func (r *recorder) count(name []byte) {
	for i := range r.servers {
		if r.servers[i].name == string(name) {
			r.servers[i].count++
			return
		}
	}
	if len(r.servers) == maxServers {
		r.servers[maxServers-1].count++
		return
	}
	r.servers = append(r.servers, served{string(name), 1})
}

// fails counts a failure of a connection. If err is expensive to build, the caller
// checks isNew first.
func (r *recorder) fails(due time.Duration, kind int, err error) {
	if !r.measured(due) {
		return
	}
	r.failed[kind]++
	if r.examples[kind] == nil {
		r.examples[kind] = err
	}
}

// isNew reports whether this kind of failure has no example yet.
func (r *recorder) isNew(kind int) bool { return r.examples[kind] == nil }

// broken counts the status of a reply that is not good.
func (r *recorder) broken(due time.Duration, reply *fetch.Reply) {
	if r.measured(due) && reply.Code/100 < len(r.classes) {
		r.classes[reply.Code/100]++
	}
}

// opened and closed count the open connections.
func (r *recorder) opened() {
	r.open++
	r.mostOpen = max(r.mostOpen, r.open)
}

func (r *recorder) closed() { r.open-- }

// report returns the report, without the CPU time of the thread.
func (r *recorder) report() Report {
	rep := Report{
		Connections: r.due, Unstarted: r.unstarted, Late: r.late, Connected: r.connected,
		Requests: r.requests, Replies: r.replies, HeadBytes: r.headBytes, BodyBytes: r.bodyBytes,
		Classes: r.classes, Samples: r.samples, Interval: r.interval, MostOpen: r.mostOpen,
		Errors: map[fetch.Kind]int64{}, Examples: map[fetch.Kind]string{}, Servers: map[string]int64{},
		Response: r.response, Uncorrected: r.uncorrected, Connect: r.connect, FirstByte: r.first, Lateness: r.delay,
	}
	for i, n := range r.failed {
		if n > 0 {
			rep.Errors[fetch.Kinds[i]] = n
		}
		if r.examples[i] != nil {
			rep.Examples[fetch.Kinds[i]] = r.examples[i].Error()
		}
	}
	for _, s := range r.servers {
		rep.Servers[s.name] = s.count
	}
	for _, l := range []*Latency{&rep.Response, &rep.Uncorrected, &rep.Connect, &rep.FirstByte, &rep.Lateness} {
		l.sum()
	}
	return rep
}
