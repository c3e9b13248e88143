// Package load generates HTTP load. Drive begins connections at a constant rate,
// independently of the outcome of earlier ones, as httperf did for the LVS paper.
// It runs one event loop in each thread and needs Linux. With runs other load
// generators. The X-Server header of a reply shows which server sent it.
package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"director/bench/fetch"
)

// ErrPlan is wrapped by errors about an invalid Plan.
var ErrPlan = errors.New("plan")

// DefaultMaxOpen is how many connections one client may hold open at a time.
const DefaultMaxOpen = 50_000

// Plan describes the requests, the target and the timing. Its times are nanoseconds
// in JSON.
type Plan struct {
	Target netip.AddrPort `json:"target"`

	// Rate is how many connections begin per second. Connection i begins at i/Rate,
	// independently of the others. If Poisson is set, the time between two
	// connections is random instead: exponentially distributed with mean 1/Rate.
	Rate    float64 `json:"rate"`
	Poisson bool    `json:"poisson,omitempty"`
	Seed    uint64  `json:"seed,omitempty"` // of the random times and pages

	// Connections that begin during Warmup are made but not counted. Those that
	// begin in the Duration after it are counted.
	Warmup   time.Duration `json:"warmup"`
	Duration time.Duration `json:"duration"`
	Interval time.Duration `json:"interval"` // length of a sample of the reply rate; 0 means a tenth of Duration, but at most 5 s, as httperf uses

	// Timeout is the time-out of a request. That of the first request includes
	// connecting.
	Timeout time.Duration `json:"timeout"`

	TLS      bool          `json:"tls,omitempty"`   // a TLS handshake on each connection; uses goroutines, which run on all CPUs
	Requests int           `json:"requests"`        // per connection; more than one uses HTTP/1.1
	Think    time.Duration `json:"think,omitempty"` // between a reply and the next request
	Pages    []Page        `json:"pages"`           // pages to request, each as often as its weight says

	Sources    []netip.Addr `json:"sources,omitempty"` // the client's addresses, used in turn; if empty, the kernel chooses
	CPUs       []int        `json:"cpus,omitempty"`    // one thread is pinned to each; if empty, Threads run unpinned
	Threads    int          `json:"threads,omitempty"` // used without CPUs; 0 means 1
	MaxOpen    int          `json:"maxOpen"`           // limit of open connections; a connection beyond it counts as fd-unavail
	SendBuffer int          `json:"sendBuffer,omitempty"`
	RecvBuffer int          `json:"recvBuffer,omitempty"` // bytes of each socket's buffers; 0 means the kernel's defaults

	// Share is set if several clients execute one plan together.
	Share Share `json:"share"`
}

// Share is the part of one of several clients: the connections of the plan whose
// number modulo Of is Index. The zero Share means all connections.
type Share struct {
	Index int `json:"index"`
	Of    int `json:"of"`
}

// Page is a page to request.
type Page struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`   // bytes of a good reply, or fetch.AnySize
	Weight int    `json:"weight"` // 0 means 1
}

// WithDefaults returns the plan with defaults for the fields that are not set.
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

// Validate returns an error if the plan is invalid. The plan must have its
// defaults.
func (p Plan) Validate() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrPlan}, args...)...)
	}
	switch {
	case !p.Target.IsValid() || p.Target.Port() == 0:
		return wrong("no target, want ADDRESS:PORT")
	case !(p.Rate > 0) || p.Rate > 1e9:
		return wrong("a rate of %v connections per second: want up to 1e9", p.Rate)
	case p.Duration <= 0 || p.Warmup < 0 || p.Timeout <= 0 || p.Think < 0 || p.Interval <= 0:
		return wrong("durations must be positive: %v after a warm-up of %v, time-out %v, think time %v, interval %v",
			p.Duration, p.Warmup, p.Timeout, p.Think, p.Interval)
	case p.Duration/p.Interval > maxSamples:
		return wrong("an interval of %v gives more than %d samples", p.Interval, maxSamples)
	case p.Requests < 1 || p.Threads < 1 || p.SendBuffer < 0 || p.RecvBuffer < 0:
		return wrong("%d requests, %d threads, buffers of %d and %d bytes: too small", p.Requests, p.Threads, p.SendBuffer, p.RecvBuffer)
	case p.TLS && (p.Threads > 1 || len(p.CPUs) > 0):
		return wrong("TLS runs on all CPUs: threads and CPUs cannot be chosen")
	case p.MaxOpen < p.Threads:
		return wrong("%d open connections for %d threads: want one for each", p.MaxOpen, p.Threads)
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

// maxSamples limits the number of samples of the reply rate in a report.
const maxSamples = 100_000

// requests returns the requests for each page: one for a connection that stays
// open, and one for a connection that ends with the reply.
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
