// Package config turns the command line and the flags files of director into
// checked, typed values, and prints those back as a flags file.
//
// One table of flags serves the command line, the flags file, the help text and
// the printing, so that the four cannot disagree. Everything is checked before
// anything starts, and nothing here asks the host, names in rules aside: what
// only a host can tell (does eth0 exist?) is its caller's business.
package config

import (
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"director/dataplane/sysctl"
	"director/packet"
	"director/service"
)

// IO is a way of moving frames.
type IO string

// The values of --io.
const (
	IOAuto   IO = "auto" // the best that works
	IOXDP    IO = "xdp"
	IOPacket IO = "packet"
)

// XDPMode is a way of attaching to a NIC queue.
type XDPMode string

// The values of --xdp-mode.
const (
	XDPAuto     XDPMode = "auto" // the fastest that works
	XDPZeroCopy XDPMode = "zerocopy"
	XDPCopy     XDPMode = "copy"
	XDPGeneric  XDPMode = "generic"
)

// IRQ is what happens to the interrupts of the served queues.
type IRQ string

// The values of --irq.
const (
	IRQLeave IRQ = "leave"
	IRQPin   IRQ = "pin" // beside the queue's worker, restored on exit
)

// Runtime is what becomes, at a reload, of changes that were made while running.
type Runtime string

// The values of --reload-runtime.
const (
	RuntimeKeep Runtime = "keep"
	RuntimeDrop Runtime = "drop"
)

// LogFormat is the shape of log lines.
type LogFormat string

// The values of --log-format.
const (
	LogConsole LogFormat = "console"
	LogJSON    LogFormat = "json"
)

// Config is everything the operator asked for. It does not change once parsed.
type Config struct {
	Interfaces    []string // in the order of their interface numbers
	IO            IO
	XDPMode       XDPMode
	Queues        []int // ascending; nil: all of them
	CPUs          []int // of the workers, in queue order; nil: chosen automatically
	IRQ           IRQ
	ConnTableSize int // most connections held
	GiantLock     bool
	ManageVIPs    bool
	VIPInterfaces []VIPInterface
	HTTP          string // where to answer about metrics and health; "": nowhere
	State         string // the file that connections survive a restart in; empty: they do not
	Timeouts      service.Timeouts
	Marks         []service.Mark // the first that fits a packet counts
	Neighbors     []Neighbor
	Control       string // path of the control socket; empty: none
	ReloadRuntime Runtime
	ICMPRateLimit time.Duration // between two ICMP messages of ours to one destination; 0: no limit
	ICMPRateMask  uint32        // the ICMP types to which that applies, a bit each
	LogLevel      zerolog.Level
	LogFormat     LogFormat
	Sysctl        sysctl.Values
	Services      []service.Spec // in the order in which they were added
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
		IO:            IOAuto,
		XDPMode:       XDPAuto,
		IRQ:           IRQLeave,
		ConnTableSize: 1 << 20,
		ManageVIPs:    true,
		Control:       "/run/director/control.sock",
		ReloadRuntime: RuntimeKeep,
		HTTP:          "127.0.0.1:9464",
		Timeouts:      service.Timeouts{TCP: 900, TCPFIN: 120, UDP: 300},
		ICMPRateLimit: time.Second,
		ICMPRateMask:  1<<3 | 1<<4 | 1<<11 | 1<<12, // the kernel's net.ipv4.icmp_ratemask
		LogLevel:      zerolog.InfoLevel,
		LogFormat:     LogConsole,
		Sysctl:        sysctl.Defaults(),
	}
}
