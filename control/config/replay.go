package config

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"

	"github.com/spf13/pflag"

	"director/control/names"
	"director/packet"
)

// maxLinkMTU is the longest IP packet that fits a frame, with an outer header.
const maxLinkMTU = packet.MaxFrame - packet.EthLen - packet.IPv4Len

// maxWorkers is the limit of --workers. No machine whose traffic is replayed has so many
// queues.
const maxWorkers = 1024

// Replay contains the flags that only "director replay" takes: the input and output
// files, and the description of a host. A replay does not examine the real host.
type Replay struct {
	In, Out string
	HostOut string // empty: not written
	Summary string // empty: not written
	Script  string // of commands with their times; empty: none
	Workers int
	Seed    int // of the schedulers' random numbers
	Links   []Link
	Routes  []Route
}

// Link describes an interface.
type Link struct {
	Name  string
	MAC   packet.MAC
	MTU   int // bytes of IP packet
	Addrs []netip.Prefix
}

// Route describes a route. Gateway is invalid if the destination is on the link. Source is
// invalid if the link's address is used. An MTU of 0 means the MTU of the link.
type Route struct {
	Dst       netip.Prefix
	Gateway   netip.Addr
	Interface string
	MTU       int
	Source    netip.Addr
}

// ParseReplay is like Parse, but also accepts the flags of replay.
func ParseReplay(args []string, stdin io.Reader) (*Config, *Replay, error) {
	r := replayDefaults()
	c, err := parse(args, stdin, names.System{}, r)
	if err != nil {
		return nil, nil, err
	}
	return c, r, nil
}

func replayDefaults() *Replay { return &Replay{Workers: 1, Seed: 1} }

// ReplayFlags returns the flags that only ParseReplay takes.
func ReplayFlags() *pflag.FlagSet {
	fs := newFlagSet()
	addReplayFlags(fs, replayDefaults())
	return fs
}

// addReplayFlags defines the flags of replay over the fields of r.
func addReplayFlags(fs *pflag.FlagSet, r *Replay) {
	fs.Var(path(&r.In), "in", "the file of captured frames, pcapng or pcap (required); frames of a pcap arrive on the first --interface")
	fs.Var(path(&r.Out), "out", "the pcapng file for the frames that the director sends (required)")
	fs.Var(path(&r.HostOut), "host-out", "the pcapng file for the frames that go to the kernel")
	fs.Var(path(&r.Summary), "summary", "the JSON file for the counts")
	fs.Var(path(&r.Script), "script", "a file of commands that run during the replay, lines of SECONDS COMMAND")
	fs.Var(number(&r.Workers, 1, maxWorkers), "workers", "the number of workers; a hash of the flow selects the worker of a frame")
	fs.Var(number(&r.Seed, 1, math.MaxInt32), "seed", "seed of the random numbers of the scheduler twos")
	addHostFlags(fs, r)
}

// addHostFlags defines the flags that describe the host.
func addHostFlags(fs *pflag.FlagSet, r *Replay) {
	fs.Var(links(&r.Links), "link", "an interface of the described host; mtu is 1500 unless given (repeatable)")
	fs.Var(routes(&r.Routes), "route", "a route of the described host; without GATEWAY the destination is on the link; routes to the links' subnets exist without this flag (repeatable)")
}

// replayOnly reports whether the flag is one of replay.
func replayOnly(name string) bool {
	fs := newFlagSet()
	addReplayFlags(fs, &Replay{})
	return fs.Lookup(name) != nil
}

// path is the name of a file.
func path(p *string) value {
	return value{
		kind: "FILE",
		set: func(s string) error {
			if s == "" {
				return errors.New("the name of a file is missing")
			}
			*p = s
			return nil
		},
		get: func() []string {
			if *p == "" {
				return nil
			}
			return []string{*p}
		},
	}
}

// check checks conditions between flags.
func (r *Replay) check(c *Config) error {
	switch {
	case r.In == "":
		return errors.New("--in: required: the capture to read")
	case r.Out == "":
		return errors.New("--out: required: the capture to write")
	}
	return r.checkHost(c)
}

// checkHost is check for the description of the host.
func (r *Replay) checkHost(c *Config) error {
	for _, name := range c.Interfaces {
		i := slices.IndexFunc(r.Links, func(l Link) bool { return l.Name == name })
		if i < 0 {
			return fmt.Errorf("--interface %s: a --link must describe it, because the host is not examined", name)
		}
		if mtu := r.Links[i].MTU; mtu > maxLinkMTU {
			return fmt.Errorf("--link %s: an MTU of %d: the director carries packets of at most %d bytes", name, mtu, maxLinkMTU)
		}
	}
	for _, t := range r.Routes {
		if !r.describes(t.Interface) {
			return fmt.Errorf("--route %s: no --link describes %s", t.Dst, t.Interface)
		}
	}
	for _, n := range c.Neighbors {
		if !r.describes(n.Interface) {
			return fmt.Errorf("--neighbor %s: no --link describes %s", n.IP, n.Interface)
		}
	}
	return nil
}

func (r *Replay) describes(name string) bool {
	return slices.ContainsFunc(r.Links, func(l Link) bool { return l.Name == name })
}
