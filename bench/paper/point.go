package paper

import "fmt"

// Point is the result of one repetition of a setup at one offered rate. Times are
// in microseconds, rates per second.
type Point struct {
	Setup
	Offered    float64 `csv:"offered"` // connections per second, of all clients
	Repetition int     `csv:"repetition"`
	Seconds    float64 `csv:"seconds"` // measured time, without the warm-up

	Started   int     `csv:"started"`    // connections begun
	Replies   int     `csv:"replies"`    // complete and correct
	ReplyRate float64 `csv:"reply_rate"` // replies per second
	RateDev   float64 `csv:"rate_dev"`   // standard deviation of its samples within the point
	Timeouts  int     `csv:"timeouts"`   // no complete reply within the time-out
	Refused   int     `csv:"refused"`
	Resets    int     `csv:"resets"`
	Others    int     `csv:"others"` // all other errors, including the client's own
	Late      float64 `csv:"late"`   // 99th percentile of the delay with which the client began connections
	Fault     string  `csv:"fault,omitempty"`

	// Response times from the due time of the connection, without errors.
	Mean float64 `csv:"mean"`
	P50  float64 `csv:"p50"`
	P90  float64 `csv:"p90"`
	P99  float64 `csv:"p99"`
	P999 float64 `csv:"p999"`
	Max  float64 `csv:"max"`

	// Traffic of the interfaces between the clients and the balancer (or server),
	// both directions together.
	Bits    float64 `csv:"bits"`    // per second, with Ethernet headers
	Packets float64 `csv:"packets"` // per second

	// CPU seconds per second: of all CPUs, of these by softirqs, and of the
	// balancer's process.
	Busy    float64 `csv:"busy"`
	Softirq float64 `csv:"softirq"`
	Process float64 `csv:"process"`

	// The least and the greatest share of the replies that one server sent.
	LeastShare float64 `csv:"least_share"`
	MostShare  float64 `csv:"most_share"`

	// With a flood, per second: the SYNs that were sent, and the connections that
	// the director accepted, including the clients'.
	SYNs float64 `csv:"syns,omitempty"`
	Held float64 `csv:"held,omitempty"`
}

// Key identifies the point.
func (p *Point) Key() string {
	return fmt.Sprintf("%s @%g #%d", p.Setup.Key(), p.Offered, p.Repetition)
}

// Errors returns how many connections had no good reply.
func (p *Point) Errors() int { return p.Timeouts + p.Refused + p.Resets + p.Others }

// ErrorShare returns Errors as a share of the connections begun.
func (p *Point) ErrorShare() float64 {
	if p.Started == 0 {
		return 0
	}
	return float64(p.Errors()) / float64(p.Started)
}

// Usage is the CPU usage of one consumer during a point: the rows of the paper's
// figures 16 to 18. For a process, shares are of one CPU, so two busy threads give
// 2. For a CPU, they are of that CPU. Means and standard deviations are over
// samples within the point.
type Usage struct {
	Point   string `csv:"point"` // key of the point
	Subject string `csv:"subject"`

	User    float64 `csv:"user"`
	UserDev float64 `csv:"user_dev"`
	Sys     float64 `csv:"system"`
	SysDev  float64 `csv:"system_dev"`
	Soft    float64 `csv:"softirq,omitempty"` // of a CPU
	SoftDev float64 `csv:"softirq_dev,omitempty"`
	Idle    float64 `csv:"idle,omitempty"` // of a CPU
	IdleDev float64 `csv:"idle_dev,omitempty"`
}
