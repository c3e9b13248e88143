package config

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/pflag"

	"director/control/rules"
	"director/dataplane/sysctl"
)

// value is the Value of every flag. get returns the settings, one per time the
// flag has to be given, that set needs to arrive at the current value.
type value struct {
	kind string // of the argument, for the help text
	set  func(string) error
	get  func() []string
}

// The methods of pflag.Value.
func (v value) Set(s string) error { return v.set(s) }
func (v value) String() string     { return strings.Join(v.get(), " ") }
func (v value) Type() string       { return v.kind }

// flagfile is the one flag that leaves no trace in a Config: the parser reads
// the file where it meets the flag.
const flagfile = "flagfile"

// newFlags defines all flags over the fields of c.
func newFlags(c *Config) *pflag.FlagSet {
	fs := newFlagSet()
	addFlags(fs, c)
	addSysctls(fs, &c.Sysctl)
	return fs
}

// newFlagSet returns a set without flags that keeps the order in which they are
// added and prints nothing of itself.
func newFlagSet() *pflag.FlagSet {
	fs := pflag.NewFlagSet("director", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	return fs
}

// addFlags defines the director's own flags, in the order of the help text.
func addFlags(fs *pflag.FlagSet, c *Config) {
	fs.Var(value{"FILE", func(string) error { return nil }, func() []string { return nil }}, flagfile,
		"read flags and ipvsadm rules (-A, -a) from FILE, one per line; - is standard input (repeatable)")
	fs.Var(interfaces(&c.Interfaces), "interface", "the interfaces that carry balanced traffic (required)")
	fs.Var(choice(&c.IO, IOAuto, IOXDP, IOPacket), "io", "AF_XDP, AF_PACKET, or the best that works")
	fs.Var(choice(&c.XDPMode, XDPAuto, XDPZeroCopy, XDPCopy, XDPGeneric), "xdp-mode", "how AF_XDP attaches; auto takes the fastest that works")
	fs.Var(queues(&c.Queues), "queues", "the NIC queues to serve, all or a list such as 0-3,5; with AF_PACKET one worker for each")
	fs.Var(cpus(&c.CPUs), "cpus", "the CPU of each worker in queue order, a list such as 2-5, or auto, which wraps around")
	fs.Var(choice(&c.IRQ, IRQLeave, IRQPin), "irq", "pin each served queue's interrupt beside its worker, restored on exit")
	fs.Var(number(&c.ConnTableSize, 1, maxConns), "conn-table-size", "most connections held, fixed at start")
	fs.Var(boolean(&c.GiantLock), "giant-lock", "let one worker at a time work, as Linux 2.2 did: to measure what that costs")
	fs.Lookup("giant-lock").NoOptDefVal = "true"
	fs.Var(boolean(&c.ManageVIPs), "manage-vips", "hold each virtual address on an interface while running")
	fs.Lookup("manage-vips").NoOptDefVal = "true"
	fs.Var(vipInterfaces(&c.VIPInterfaces), "vip-interface", "the interface that holds a virtual address (repeatable)")
	fs.Var(marks(&c.Marks), "fwmark", "what a firewall mark's service (-A -f MARK) consists of, PORTS being such as 80+443 or 1024-65535; the first that fits counts (repeatable)")
	fs.Var(listener(&c.HTTP), "http", "where to answer HTTP: the status page, metrics and health; an IP address and a port, :PORT for every address; empty for nowhere")
	fs.Var(file(&c.State), "state", "save connections in FILE on stop and load them on start, if it is less than 60 seconds old")
	fs.Var(timeouts(&c.Timeouts), "timeouts", "seconds until a connection is forgotten; 0 keeps the value")
	fs.Var(neighbors(&c.Neighbors), "neighbor", "a static neighbour, beside those the kernel knows (repeatable)")
	fs.Var(milliseconds(&c.ICMPRateLimit), "icmp-ratelimit", "least time between two ICMP messages of the director's own to one destination, beyond a burst; 0 is no limit")
	fs.Var(number(&c.ICMPRateMask, 0, math.MaxUint32), "icmp-ratemask", "the ICMP types that --icmp-ratelimit holds for, a bit each")
	fs.Var(socket(&c.Control), "control", "the unix socket of the control API, for ctl, ipvsadm, top, why and capture; empty for none")
	fs.Var(choice(&c.ReloadRuntime, RuntimeKeep, RuntimeDrop), "reload-runtime", "whether what ctl and the API have set since the last load survives a reload")
	fs.Var(level(&c.LogLevel), "log-level", "the least important messages to log")
	fs.Var(choice(&c.LogFormat, LogConsole, LogJSON), "log-format", "the shape of log lines")
}

// addSysctls defines a flag for each sysctl of IPVS.
func addSysctls(fs *pflag.FlagSet, v *sysctl.Values) {
	for _, name := range sysctl.Names() {
		kind, about := sysctl.Describe(name)
		fs.Var(value{
			kind: kind,
			set:  func(s string) error { return v.Set(name, s) },
			get: func() []string {
				s, _ := v.Get(name)
				return []string{s}
			},
		}, strings.ReplaceAll(name, "_", "-"), about)
	}
}

// Flags returns all flags with their defaults, for help texts and completions. Parse
// uses flags of its own.
func Flags() (own, sysctls *pflag.FlagSet) {
	c, own, sysctls := defaults(), newFlagSet(), newFlagSet()
	addFlags(own, c)
	addSysctls(sysctls, &c.Sysctl)
	return own, sysctls
}

// Write prints c as a flags file: every flag with its value, then the rules.
// Parsed and written again it comes out the same.
func (c *Config) Write(w io.Writer) error {
	var b strings.Builder
	newFlags(c).VisitAll(func(f *pflag.Flag) {
		for _, setting := range f.Value.(value).get() {
			fmt.Fprintf(&b, "--%s=%s\n", f.Name, setting)
		}
	})
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return rules.Write(w, c.Services)
}
