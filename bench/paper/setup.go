package paper

import (
	"fmt"
	"strings"
)

// The systems between clients and servers. The peers have their own names.
const (
	Direct   = "direct"   // nothing: the clients connect to the first server directly
	Forward  = "forward"  // the director's kernel forwards to the first server
	Director = "director" // director run
)

// The servers' software, by program name.
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

// The workloads of the clients.
const (
	Page      = "page"      // the paper's: HTTP/1.0, one connection for each page of 628 bytes
	KeepAlive = "keepalive" // HTTP/1.1, ten pages on each connection
	TLS       = "tls"       // one connection for each page, with a handshake between client and server
	Sizes     = "sizes"     // pages of very different sizes
	Service   = "service"   // pages of very different service times
	Lasting   = "lasting"   // ten pages on each connection, over one second
)

// The CPU of the processes that send packets to the director. On veth their softirq
// does the director's receiving, so this stands for the interrupt CPU in the
// paper's figure 19.
const (
	Anywhere = ""
	Shared   = "shared" // on the worker's own CPU
	Apart    = "apart"  // on another CPU
)

// Setup is one combination of clients, a balancer and real servers. The zero values
// of all fields but the first four are the paper's configuration.
type Setup struct {
	Balancer  string  `csv:"balancer"`
	Method    string  `csv:"method,omitempty"` // of the director
	Workers   int     `csv:"workers,omitempty"`
	Servers   int     `csv:"servers"`
	Cap       int     `csv:"cap,omitempty"`   // connections per second that each server accepts; 0: no limit
	Quota     float64 `csv:"quota,omitempty"` // share of a CPU that each worker may use (emulation); 0: no limit
	GiantLock bool    `csv:"giant_lock,omitempty"`
	IO        string  `csv:"io,omitempty"`        // xdp or packet; empty: xdp
	Server    string  `csv:"server,omitempty"`    // the servers' software
	Client    string  `csv:"client,omitempty"`    // httperf or wrk; empty: director bench load
	Workload  string  `csv:"workload,omitempty"`  // empty: page
	Scheduler string  `csv:"scheduler,omitempty"` // empty: rr
	Placement string  `csv:"placement,omitempty"`
	Flood     int     `csv:"flood,omitempty"` // SYNs per second from addresses that no host has, in addition to the clients
}

// Key returns the name of the setup, for sorting and for --only:
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

// Emulated reports whether the workers are limited to shares of a CPU.
func (s Setup) Emulated() bool { return s.Quota > 0 }

// Capacity returns the connections per second that the servers' caps permit, 0 if
// they are not capped.
func (s Setup) Capacity() int { return s.Servers * s.Cap }
