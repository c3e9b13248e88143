//go:build linux

package lab

import (
	"context"
	"fmt"
	"time"
)

// contender is one way to forward packets from the source to the sink.
type contender struct {
	name    string
	arrives arrival
	rps     bool // receiving moves to the CPU that a worker would use
	echoes  bool // it takes part in the latency comparison
	ours    bool // it is the director, with this forwarding option and this I/O
	option  string
	io      string
	start   func(context.Context, *bench, *network, placement) (*running, error)
	// lacks returns why the contender cannot run here, empty if it can.
	lacks func() string
}

// running is a contender that forwards.
type running struct {
	used   func() (time.Duration, error) // CPU time of its process; nil if it has none
	status func() string                 // the director's status line; nil if it has none
	stop   func() error
}

// contenders returns the contenders in the order of the table.
func contenders() []contender {
	all := []contender{
		{name: "forward", arrives: unchanged, echoes: true, start: startForward},
		{name: "forward+rps", arrives: unchanged, rps: true, start: startForward},
		{name: "nft", arrives: translated, echoes: true, start: startNFT, lacks: lacksNFT},
		{name: "nft+rps", arrives: translated, rps: true, start: startNFT, lacks: lacksNFT},
		{name: "xsk", arrives: unchanged, start: startXSK, lacks: lacksXSK},
	}
	for _, io := range []string{"xdp", "packet"} {
		for _, m := range methods {
			all = append(all, contender{
				name: fmt.Sprintf("director-%s-%s", m.name, io), arrives: m.arrives,
				echoes: m.arrives != tunnelled, // no host decapsulates the tunnel
				ours:   true, option: m.option, io: io,
				start: startDirector(m.option, io, 0),
			})
		}
	}
	return all
}

// methods are the director's forwarding methods, with ipvsadm's options for them.
var methods = []struct {
	name, option string
	arrives      arrival
}{
	{"nat", "-m", translated},
	{"dr", "-g", unchanged},
	{"tun", "-i", tunnelled},
}

// startForward does nothing: the director's kernel forwards.
func startForward(context.Context, *bench, *network, placement) (*running, error) {
	return &running{stop: func() error { return nil }}, nil
}
