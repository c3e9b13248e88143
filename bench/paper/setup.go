package paper

import (
	"fmt"
	"strings"
)

// What may stand between clients and servers, apart from the peers, which are
// called by their names.
const (
	Direct   = "direct"   // nothing: the clients ask the first server itself
	Forward  = "forward"  // the director's kernel, which forwards to the first server
	Director = "director" // director run
)

// The servers' software, by its program.
const (
	Embedded = "" // director bench serve
	Apache   = "apache2"
	Nginx    = "nginx"
)

// The forwarding methods.
const (
	NAT = "nat"
	DR  = "dr"
	TUN = "tun"
)

// What the clients do.
const (
	Page      = "page"      // the paper's: HTTP/1.0, a connection for each page of 628 bytes
	KeepAlive = "keepalive" // HTTP/1.1, ten pages on each connection
	TLS       = "tls"       // a page for each connection, with a handshake between client and server
	Sizes     = "sizes"     // pages of very different sizes
	Service   = "service"   // pages that take the server very different times
	Lasting   = "lasting"   // ten pages on each connection, over a second
)

// Where the senders of the director's packets run, whose softirq its receiving is
// on veth: the part that the interrupt plays in the paper's figure 19.
const (
	Anywhere = ""
	Shared   = "shared" // on the worker's own CPU
	Apart    = "apart"  // on another
)

// Setup is one way to put clients, a balancer and real servers together. The
// zero values of all but the first four are the paper's.
type Setup struct {
	Balancer  string  `csv:"balancer"`
	Method    string  `csv:"method,omitempty"` // of the director
	Workers   int     `csv:"workers,omitempty"`
	Servers   int     `csv:"servers"`
	Cap       int     `csv:"cap,omitempty"`   // connections per second that each server takes; 0: all it can
	Quota     float64 `csv:"quota,omitempty"` // of a CPU, that each worker may use: emulated; 0: no limit
	GiantLock bool    `csv:"giant_lock,omitempty"`
	IO        string  `csv:"io,omitempty"`        // xdp or packet; empty: xdp
	Server    string  `csv:"server,omitempty"`    // the servers' software
	Client    string  `csv:"client,omitempty"`    // httperf or wrk; empty: director bench load
	Workload  string  `csv:"workload,omitempty"`  // empty: page
	Scheduler string  `csv:"scheduler,omitempty"` // empty: rr
	Placement string  `csv:"placement,omitempty"`
	Flood     int     `csv:"flood,omitempty"` // SYNs per second from addresses that nobody has, beside the clients
}

// Key names the setup, in words that sort and that --only may match:
// director-dr/w2/rs4/cap1000.
func (s Setup) Key() string {
	var b strings.Builder
	b.WriteString(s.Balancer)
	if s.Method != "" {
		b.WriteString("-" + s.Method)
	}
	part := func(use bool, format string, v any) {
		if use {
			fmt.Fprintf(&b, "/"+format, v)
		}
	}
	part(s.IO != "", "%s", s.IO)
	part(s.Workers > 0, "w%d", s.Workers)
	part(true, "rs%d", s.Servers)
	part(s.Cap > 0, "cap%d", s.Cap)
	part(s.Quota > 0, "quota%g", s.Quota)
	part(s.GiantLock, "%s", "giant-lock")
	for _, word := range []string{s.Server, s.Client, s.Workload, s.Scheduler, s.Placement} {
		part(word != "", "%s", word)
	}
	part(s.Flood > 0, "flood%d", s.Flood)
	return b.String()
}

// Emulated reports whether the setup's CPUs are not the machine's own but shares
// of them.
func (s Setup) Emulated() bool { return s.Quota > 0 }

// Capacity is what the servers' caps let through in connections per second, 0
// if they are not capped.
func (s Setup) Capacity() int { return s.Servers * s.Cap }
