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

// value is the Value of every flag. get returns the arguments for set that result in the
// current value. A repeatable flag has one argument for each time that it is given.
type value struct {
	kind string // of the argument, for the help text
	set  func(string) error
	get  func() []string
}

// The methods of pflag.Value.
func (v value) Set(s string) error { return v.set(s) }
func (v value) String() string     { return strings.Join(v.get(), " ") }
func (v value) Type() string       { return v.kind }

// flagfile is the only flag without a field in Config. The parser reads the file when it
// finds the flag.
const flagfile = "flagfile"

// newFlags defines all flags over the fields of c.
func newFlags(c *Config) *pflag.FlagSet {
	fs := newFlagSet()
	addFlags(fs, c)
	addSysctls(fs, &c.Sysctl)
	return fs
}

// newFlagSet returns an empty set of flags. It keeps the order in which flags are added.
// It prints nothing on its own.
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
	fs.Var(choice(&c.IO, IOAuto, IOXDP, IOPacket), "io", "use AF_XDP or AF_PACKET; auto uses the best that works")
	fs.Var(choice(&c.XDPMode, XDPAuto, XDPZeroCopy, XDPCopy, XDPGeneric), "xdp-mode", "how AF_XDP attaches; auto uses the fastest mode that works")
	fs.Var(queues(&c.Queues), "queues", "the NIC queues to serve, all or a list such as 0-3,5; AF_PACKET runs one worker for each")
	fs.Var(cpus(&c.CPUs), "cpus", "the CPU of each worker in queue order, a list such as 2-5; auto uses all CPUs in turn")
	fs.Var(choice(&c.IRQ, IRQLeave, IRQPin), "irq", "pin moves each served queue's interrupt to the CPU of its worker, until exit")
	fs.Var(number(&c.ConnTableSize, 1, maxConns), "conn-table-size", "the largest number of connections; it cannot change while running")
	fs.Var(boolean(&c.GiantLock), "giant-lock", "let only one worker run at a time, as Linux 2.2 did, to measure the cost")
	fs.Lookup("giant-lock").NoOptDefVal = "true"
	fs.Var(boolean(&c.TCPStrict), "tcp-strict", "a reset ends a masqueraded connection only if its sequence number is the expected one; any reset is forwarded")
	fs.Lookup("tcp-strict").NoOptDefVal = "true"
	fs.Var(boolean(&c.ManageVIPs), "manage-vips", "hold each virtual address on an interface while running")
	fs.Lookup("manage-vips").NoOptDefVal = "true"
	fs.Var(vipInterfaces(&c.VIPInterfaces), "vip-interface", "the interface that holds a virtual address (repeatable)")
	fs.Var(marks(&c.Marks), "fwmark", "the packets that get a firewall mark, for a service -A -f MARK; PORTS is a list such as 80+443 or 1024-65535; the first match is used (repeatable)")
	fs.Var(listener(&c.HTTP), "http", "the IP address and port where HTTP serves the status page, metrics and health; :PORT is every address; empty serves no HTTP")
	fs.Var(hostNames(&c.HTTPNames), "http-names", "further names by which clients may ask --http, beside its address, localhost, and the host's name with its domain")
	fs.Var(file(&c.State), "state", "save connections in FILE on stop and load them on start, if it is less than 60 seconds old; keep the changes by ctl and the API in FILE.journal")
	fs.Var(timeouts(&c.Timeouts), "timeouts", "seconds until an idle connection expires; 0 keeps the present value")
	fs.Var(neighbors(&c.Neighbors), "neighbor", "a static neighbour, in addition to those of the kernel (repeatable)")
	fs.Var(boolean(&c.SkipUnreachable), "skip-unreachable", "give no new connections to a real server without a usable next hop, while another server can be reached; replay does so only if this flag is given")
	fs.Lookup("skip-unreachable").NoOptDefVal = "true"
	fs.Var(milliseconds(&c.ICMPRateLimit), "icmp-ratelimit", "least time between two of the director's own ICMP messages to one destination, after a burst; 0 is no limit")
	fs.Var(number(&c.ICMPRateMask, 0, math.MaxUint32), "icmp-ratemask", "the ICMP types that --icmp-ratelimit limits, one bit for each")
	fs.Var(socket(&c.Control), "control", "the unix socket of the control API, for ctl, ipvsadm, top, why and capture; empty for none")
	fs.Var(choice(&c.ReloadRuntime, RuntimeKeep, RuntimeDrop), "reload-runtime", "whether a reload keeps or drops what ctl and the API have set since the last load")
	fs.Var(boolean(&c.Sandbox), "sandbox", "once it forwards, confine the director to the system calls and files that it needs, by seccomp and Landlock; false is for looking for a fault")
	fs.Lookup("sandbox").NoOptDefVal = "true"
	fs.Var(level(&c.LogLevel), "log-level", "the least important messages to log")
	fs.Var(choice(&c.LogFormat, LogConsole, LogJSON), "log-format", "the format of log lines")
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

// Flags returns all flags with their defaults, for help texts and completions. Parse does
// not use these flags.
func Flags() (own, sysctls *pflag.FlagSet) {
	c, own, sysctls := defaults(), newFlagSet(), newFlagSet()
	addFlags(own, c)
	addSysctls(sysctls, &c.Sysctl)
	return own, sysctls
}

// Write prints c as a flags file: every flag with its value, then the rules.
// If Parse reads the output, Write prints the same again.
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
