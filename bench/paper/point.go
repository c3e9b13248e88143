package paper

import "fmt"

// Point is what one repetition of a setup under one offered rate gave. Times are
// in microseconds, rates per second.
type Point struct {
	Setup
	Offered    float64 `csv:"offered"` // connections per second, of all clients
	Repetition int     `csv:"repetition"`
	Seconds    float64 `csv:"seconds"` // measured, warm-up not included

	Started   int     `csv:"started"`    // connections begun
	Replies   int     `csv:"replies"`    // whole and right
	ReplyRate float64 `csv:"reply_rate"` // replies per second
	RateDev   float64 `csv:"rate_dev"`   // standard deviation of its samples within the point
	Timeouts  int     `csv:"timeouts"`   // no whole reply within the time-out
	Refused   int     `csv:"refused"`
	Resets    int     `csv:"resets"`
	Others    int     `csv:"others"` // all other errors, the client's own among them
	Late      float64 `csv:"late"`   // 99th percentile of how late the client began connections
	Fault     string  `csv:"fault,omitempty"`

	// Response times from when the connection was to begin, errors not included.
	Mean float64 `csv:"mean"`
	P50  float64 `csv:"p50"`
	P90  float64 `csv:"p90"`
	P99  float64 `csv:"p99"`
	P999 float64 `csv:"p999"`
	Max  float64 `csv:"max"`

	// Of the interfaces between the clients and whatever they ask, both
	// directions together.
	Bits    float64 `csv:"bits"`    // per second, Ethernet headers included
	Packets float64 `csv:"packets"` // per second

	// CPU seconds per second: of all CPUs, by softirqs among that, and of the
	// balancer's process.
	Busy    float64 `csv:"busy"`
	Softirq float64 `csv:"softirq"`
	Process float64 `csv:"process"`

	// What each server answered, as a share of all: least and most.
	LeastShare float64 `csv:"least_share"`
	MostShare  float64 `csv:"most_share"`

	// Of a flood, per second: the SYNs that were sent, and the connections that the
	// director took up, the clients' among them.
	SYNs float64 `csv:"syns,omitempty"`
	Held float64 `csv:"held,omitempty"`
}

// Key names the point among all.
func (p *Point) Key() string {
	return fmt.Sprintf("%s @%g #%d", p.Setup.Key(), p.Offered, p.Repetition)
}

// Errors is how many connections brought no good reply.
func (p *Point) Errors() int { return p.Timeouts + p.Refused + p.Resets + p.Others }

// ErrorShare is that as a share of the connections begun.
func (p *Point) ErrorShare() float64 {
	if p.Started == 0 {
		return 0
	}
	return float64(p.Errors()) / float64(p.Started)
}

// Usage is how one consumer of CPU time fared while a point was measured: the
// rows of the paper's figures 16 to 18. Shares are of one CPU for a process, so
// that two busy threads make 2, and of itself for a CPU; means and standard
// deviations are over samples within the point.
type Usage struct {
	Point   string `csv:"point"` // its key
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
