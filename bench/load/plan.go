// Package load generates HTTP load. Drive begins connections at a rate, whatever
// becomes of the earlier ones, as httperf did for the LVS paper. It runs an event
// loop on each of its threads and needs Linux. With lets other load generators do
// the same. Which server gave a reply is read from its X-Server header.
package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"director/bench/fetch"
)

// ErrPlan is wrapped by errors about a Plan that nobody could carry out.
var ErrPlan = errors.New("plan")

// DefaultMaxOpen is the number of connections that one client holds open at a time.
const DefaultMaxOpen = 50_000

// Plan says what to ask, of whom, and when. Its times are nanoseconds in JSON.
type Plan struct {
	Target netip.AddrPort `json:"target"`

	// Rate is how many connections begin in a second. Connection i begins at
	// i/Rate whatever became of the others; if Poisson is set, the time between
	// two is exponentially distributed instead, with the mean of 1/Rate.
	Rate    float64 `json:"rate"`
	Poisson bool    `json:"poisson,omitempty"`
	Seed    uint64  `json:"seed,omitempty"` // of what is drawn: times and pages

	// Connections that begin in the first Warmup are made and not counted, those
	// of the Duration behind it are.
	Warmup   time.Duration `json:"warmup"`
	Duration time.Duration `json:"duration"`
	Interval time.Duration `json:"interval"` // of a sample of the reply rate; 0 means a tenth of Duration, at most 5 s, which is httperf's

	// Timeout is that of a request. The first one's holds connecting, too.
	Timeout time.Duration `json:"timeout"`

	TLS      bool          `json:"tls,omitempty"`   // a handshake on each connection; by goroutines, which run on all CPUs
	Requests int           `json:"requests"`        // on each connection; more than one makes them HTTP/1.1
	Think    time.Duration `json:"think,omitempty"` // between a reply and the next request
	Pages    []Page        `json:"pages"`           // that are asked for, each as often as its weight says

	Sources    []netip.Addr `json:"sources,omitempty"` // the client's addresses, used in turn; none leaves it to the kernel
	CPUs       []int        `json:"cpus,omitempty"`    // a thread on each; none means Threads that run anywhere
	Threads    int          `json:"threads,omitempty"` // without CPUs; 0 means 1
	MaxOpen    int          `json:"maxOpen"`           // connections that may be open at a time; more are fd-unavail
	SendBuffer int          `json:"sendBuffer,omitempty"`
	RecvBuffer int          `json:"recvBuffer,omitempty"` // bytes, of each socket; 0 leaves them to the kernel

	// Share makes this one of several clients that carry out one plan together.
	Share Share `json:"share"`
}

// Share is the part of one of several clients: of the connections of a plan
// those whose number modulo Of is Index. The zero Share is all.
type Share struct {
	Index int `json:"index"`
	Of    int `json:"of"`
}

// Page is something to ask for.
type Page struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`   // bytes that a good reply has, or fetch.AnySize
	Weight int    `json:"weight"` // 0 means 1
}

// WithDefaults returns the plan with what it leaves open filled in.
func (p Plan) WithDefaults() Plan {
	if p.Timeout == 0 {
		p.Timeout = fetch.DefaultTimeout
	}
	if p.Interval == 0 {
		p.Interval = min(5*time.Second, p.Duration/10)
	}
	if p.Requests == 0 {
		p.Requests = 1
	}
	if p.Threads == 0 || len(p.CPUs) > 0 {
		p.Threads = max(1, len(p.CPUs))
	}
	if p.MaxOpen == 0 {
		p.MaxOpen = DefaultMaxOpen
	}
	if p.Share.Of == 0 {
		p.Share.Of = 1
	}
	if len(p.Pages) == 0 {
		p.Pages = []Page{{Path: "/", Size: fetch.DefaultBodySize}}
	}
	pages := make([]Page, len(p.Pages))
	for i, page := range p.Pages {
		if page.Weight == 0 {
			page.Weight = 1
		}
		pages[i] = page
	}
	p.Pages = pages
	return p
}

// Validate says what is wrong with a plan that has its defaults.
func (p Plan) Validate() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrPlan}, args...)...)
	}
	switch {
	case !p.Target.IsValid() || p.Target.Port() == 0:
		return wrong("no target, want ADDRESS:PORT")
	case !(p.Rate > 0) || p.Rate > 1e9:
		return wrong("a rate of %v connections a second", p.Rate)
	case p.Duration <= 0 || p.Warmup < 0 || p.Timeout <= 0 || p.Think < 0 || p.Interval <= 0:
		return wrong("durations are positive: %v after %v, time-out %v, think time %v, interval %v",
			p.Duration, p.Warmup, p.Timeout, p.Think, p.Interval)
	case p.Duration/p.Interval > maxSamples:
		return wrong("an interval of %v gives more than %d samples", p.Interval, maxSamples)
	case p.Requests < 1 || p.Threads < 1 || p.SendBuffer < 0 || p.RecvBuffer < 0:
		return wrong("%d requests, %d threads, buffers of %d and %d bytes", p.Requests, p.Threads, p.SendBuffer, p.RecvBuffer)
	case p.TLS && (p.Threads > 1 || len(p.CPUs) > 0):
		return wrong("TLS runs on all CPUs: no threads or CPUs of its own")
	case p.MaxOpen < p.Threads:
		return wrong("%d open connections for %d threads", p.MaxOpen, p.Threads)
	case p.Share.Index < 0 || p.Share.Index >= p.Share.Of:
		return wrong("share %d of %d", p.Share.Index, p.Share.Of)
	}
	for _, a := range p.Sources {
		if a.Is4() != p.Target.Addr().Is4() {
			return wrong("address %v for target %v", a, p.Target)
		}
	}
	for _, page := range p.Pages {
		if len(page.Path) == 0 || page.Path[0] != '/' || page.Size < fetch.AnySize || page.Weight < 1 {
			return wrong("page %q of %d bytes with weight %d", page.Path, page.Size, page.Weight)
		}
	}
	return nil
}

// maxSamples bounds what a report holds of the reply rate.
const maxSamples = 100_000

// requests are what is sent for each page: on a connection that stays, and on
// one that ends with the reply.
func (p Plan) requests() (stay, last [][]byte) {
	const agent = "User-Agent: director\r\n"
	for _, page := range p.Pages {
		if p.Requests == 1 {
			last = append(last, fmt.Appendf(nil, "GET %s HTTP/1.0\r\n%sHost: %s\r\n\r\n", page.Path, agent, p.Target))
			stay = last
			continue
		}
		stay = append(stay, fmt.Appendf(nil, "GET %s HTTP/1.1\r\n%sHost: %s\r\n\r\n", page.Path, agent, p.Target))
		last = append(last, fmt.Appendf(nil, "GET %s HTTP/1.1\r\n%sHost: %s\r\nConnection: close\r\n\r\n", page.Path, agent, p.Target))
	}
	return stay, last
}
