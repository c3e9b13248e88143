package load

import (
	"time"

	"director/bench/fetch"
)

// recorder is what one thread writes down. Times are since the start of the plan.
type recorder struct {
	from, to time.Duration // the measured part
	interval time.Duration

	due, unstarted, late  int64
	connected             int64
	requests, replies     int64
	headBytes, bodyBytes  int64
	failed                [len(fetch.Kinds)]int64
	examples              [len(fetch.Kinds)]error
	classes               [6]int64 // replies by the first digit of their status; 0 of none
	samples               []int64  // good replies by interval of their end
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

// lateAfter is how late a connection may begin. What comes later is not the load
// that was asked for.
const lateAfter = 10 * time.Millisecond

// maxServers bounds the names that are told apart: a server that sends another
// one each time must not fill the memory.
const maxServers = 1024

func newRecorder(p Plan) *recorder {
	return &recorder{
		from: p.Warmup, to: p.Warmup + p.Duration, interval: p.Interval,
		samples:  make([]int64, (p.Duration+p.Interval-1)/p.Interval),
		response: newLatency(), uncorrected: newLatency(), connect: newLatency(), first: newLatency(), delay: newLatency(),
	}
}

// measured reports whether a connection that is due at a time counts.
func (r *recorder) measured(due time.Duration) bool { return due >= r.from && due < r.to }

// began counts a connection that was due at one time and begins now.
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

// missed counts a connection that was due and is never begun.
func (r *recorder) missed(due time.Duration) {
	if r.measured(due) {
		r.due++
		r.unstarted++
	}
}

// established counts a connection that was made.
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

// times are those of a request whose reply is complete.
type times struct {
	due   time.Duration // the connection's
	asked time.Duration // when the request was due: the connection's start as planned, or that of a further request
	begun time.Duration // when it began: connecting, or sending a further request
	sent  time.Duration
	first time.Duration // byte of the reply
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

// fails counts a failure of a connection that was due at a time. The caller
// asks isNew first if making err costs something.
func (r *recorder) fails(due time.Duration, kind int, err error) {
	if !r.measured(due) {
		return
	}
	r.failed[kind]++
	if r.examples[kind] == nil {
		r.examples[kind] = err
	}
}

// isNew reports whether there is no example yet of a kind of failure.
func (r *recorder) isNew(kind int) bool { return r.examples[kind] == nil }

// broken counts the status of a reply that is not good.
func (r *recorder) broken(due time.Duration, reply *fetch.Reply) {
	if r.measured(due) && reply.Code/100 < len(r.classes) {
		r.classes[reply.Code/100]++
	}
}

// opened and closed follow how many connections there are.
func (r *recorder) opened() {
	r.open++
	r.mostOpen = max(r.mostOpen, r.open)
}

func (r *recorder) closed() { r.open-- }

// report makes the report of what was recorded, but for what the thread itself
// took.
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
