// Package config parses the command line and the flags files of director into checked,
// typed values. It also prints these values as a flags file.
//
// The command line, the flags file, the help text and the printing use the same table of
// flags, so they cannot disagree. Everything is checked before anything starts. The
// package does not examine the host, except that it resolves names in rules. The caller
// checks what depends on the host, such as whether eth0 exists.
package config

import (
	"net/netip"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"director/dataplane/sysctl"
	"director/packet"
	"director/service"
)

// IO is a method to receive and send frames.
type IO string

// The values of --io.
const (
	IOAuto   IO = "auto" // the best that works
	IOXDP    IO = "xdp"
	IOPacket IO = "packet"
)

// XDPMode is a way of attaching AF_XDP to a NIC queue.
type XDPMode string

// The values of --xdp-mode.
const (
	XDPAuto     XDPMode = "auto" // the fastest that works
	XDPZeroCopy XDPMode = "zerocopy"
	XDPCopy     XDPMode = "copy"
	XDPGeneric  XDPMode = "generic"
)

// IRQ says whether the interrupts of the served queues are pinned.
type IRQ string

// The values of --irq.
const (
	IRQLeave IRQ = "leave"
	IRQPin   IRQ = "pin" // move them to the CPU of the queue's worker until exit
)

// Runtime says whether a reload keeps changes that were made while running.
type Runtime string

// The values of --reload-runtime.
const (
	RuntimeKeep Runtime = "keep"
	RuntimeDrop Runtime = "drop"
)

// LogFormat is the format of log lines.
type LogFormat string

// The values of --log-format.
const (
	LogConsole LogFormat = "console"
	LogJSON    LogFormat = "json"
)

// Config contains the values of all flags and rules. It does not change after parsing.
type Config struct {
	Interfaces    []string // in the order of their interface numbers
	IO            IO
	XDPMode       XDPMode
	Queues        []int // ascending; nil: all of them
	CPUs          []int // of the workers, in queue order; nil: chosen automatically
	IRQ           IRQ
	ConnTableSize int // the largest number of connections
	GiantLock     bool
	TCPStrict     bool // only expected resets close masqueraded connections
	ManageVIPs    bool
	VIPInterfaces []VIPInterface
	HTTP          string   // where HTTP is served: status page, metrics, health; empty: nowhere
	HTTPNames     []string // host names by which HTTP may be asked, beside that of the host
	State         string   // the file that keeps connections during a restart; empty: none
	Timeouts      service.Timeouts
	Marks         []service.Mark // the first that matches a packet is used
	Neighbors     []Neighbor
	Control       string // path of the control socket; empty: none
	ReloadRuntime Runtime
	// SkipUnreachable lets the schedulers pass over real servers that packets cannot
	// reach.
	SkipUnreachable bool
	ICMPRateLimit   time.Duration // least time between two of our ICMP messages to one destination; 0: no limit
	ICMPRateMask    uint32        // the ICMP types with this limit, one bit for each
	Sandbox         bool          // confine the process once it forwards
	LogLevel        zerolog.Level
	LogFormat       LogFormat
	Sysctl          sysctl.Values
	Services        []service.Spec // in the order in which they were added
}

// VIPInterface says which interface holds a virtual address.
type VIPInterface struct {
	VIP       netip.Addr
	Interface string
}

// Neighbor is a static neighbour.
type Neighbor struct {
	IP        netip.Addr
	MAC       packet.MAC
	Interface string
}

// defaults returns the configuration of an empty command line.
func defaults() *Config {
	return &Config{
		IO:              IOAuto,
		XDPMode:         XDPAuto,
		IRQ:             IRQLeave,
		ConnTableSize:   1 << 20,
		ManageVIPs:      true,
		Control:         "/run/director/control.sock",
		ReloadRuntime:   RuntimeKeep,
		SkipUnreachable: true,
		HTTP:            "127.0.0.1:9464",
		Timeouts:        service.Timeouts{TCP: 900, TCPFIN: 120, UDP: 300},
		ICMPRateLimit:   time.Second,
		ICMPRateMask:    1<<3 | 1<<4 | 1<<11 | 1<<12, // the kernel's net.ipv4.icmp_ratemask
		Sandbox:         true,
		LogLevel:        zerolog.InfoLevel,
		LogFormat:       LogConsole,
		Sysctl:          sysctl.Defaults(),
	}
}

// UndefinedMarks returns the firewall marks that have a service but no --fwmark, in the
// order of their services. Such a service gets no traffic.
func (c *Config) UndefinedMarks() (marks []uint32) {
	for i := range c.Services {
		mark := c.Services[i].Mark
		if mark != 0 && !slices.ContainsFunc(c.Marks, func(m service.Mark) bool { return m.Mark == mark }) {
			marks = append(marks, mark)
		}
	}
	return marks
}
