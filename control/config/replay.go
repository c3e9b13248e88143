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

// maxWorkers bounds --workers: more than any machine whose traffic is replayed
// has queues.
const maxWorkers = 1024

// Replay is what only "director replay" takes: where frames come from and go
// to, and the host, which it has to be told because it does not ask.
type Replay struct {
	In, Out string
	HostOut string // empty: not written
	Summary string // empty: not written
	Script  string // of commands with their times; empty: none
	Workers int
	Seed    int // of what schedulers draw at random
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

// Route describes a route. Gateway is invalid where the destination is on the
// link, Source where the link's address is to be used; an MTU of 0 is the
// link's.
type Route struct {
	Dst       netip.Prefix
	Gateway   netip.Addr
	Interface string
	MTU       int
	Source    netip.Addr
}

// ParseReplay is Parse with the flags of replay beside the common ones.
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
	fs.Var(path(&r.In), "in", "the captured frames, pcapng or pcap (required); those of a pcap are of the first --interface")
	fs.Var(path(&r.Out), "out", "where the frames that the director sends go, as pcapng (required)")
	fs.Var(path(&r.HostOut), "host-out", "where the frames that are left to the kernel go, as pcapng")
	fs.Var(path(&r.Summary), "summary", "where the counts go, as JSON")
	fs.Var(path(&r.Script), "script", "commands to run while the frames pass, lines of SECONDS COMMAND")
	fs.Var(number(&r.Workers, 1, maxWorkers), "workers", "how many workers share the frames, by a hash of their flow")
	fs.Var(number(&r.Seed, 1, math.MaxInt32), "seed", "what the scheduler twos draws its random numbers from")
	addHostFlags(fs, r)
}

// addHostFlags defines the flags that describe the host.
func addHostFlags(fs *pflag.FlagSet, r *Replay) {
	fs.Var(links(&r.Links), "link", "an interface of the described host; mtu is 1500 unless given (repeatable)")
	fs.Var(routes(&r.Routes), "route", "a route of the described host, without GATEWAY to what is on the link (repeatable); those to the links' subnets need no flag")
}

// replayOnly reports whether the flag belongs to replay alone.
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

// check is for what only all flags together can tell.
func (r *Replay) check(c *Config) error {
	switch {
	case r.In == "":
		return errors.New("--in: required: name the capture to read")
	case r.Out == "":
		return errors.New("--out: required: name the capture to write")
	}
	return r.checkHost(c)
}

// checkHost is check for the description of the host.
func (r *Replay) checkHost(c *Config) error {
	for _, name := range c.Interfaces {
		i := slices.IndexFunc(r.Links, func(l Link) bool { return l.Name == name })
		if i < 0 {
			return fmt.Errorf("--interface %s: no --link describes it, and the host is not asked", name)
		}
		if mtu := r.Links[i].MTU; mtu > maxLinkMTU {
			return fmt.Errorf("--link %s: an MTU of %d, the director carries packets up to %d", name, mtu, maxLinkMTU)
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
