// Package figures describes a running director in numbers: its workers, its queues
// and its connection table at one moment. Compare derives rates from two such
// moments, so that all views show the same ones. The names of the JSON fields are
// part of the control API.
package figures

import "time"

// Figures is a director at one moment. Its counters only grow while a director runs.
type Figures struct {
	At      time.Time `json:"at"`
	Started time.Time `json:"started"`
	// Counted is when the displayed counters of services and servers were last
	// updated; zero if they never were.
	Counted time.Time `json:"counted"`
	Version string    `json:"version"` // of the binary
	PID     int       `json:"pid"`
	Table   Table     `json:"table"`
	Reload  Reload    `json:"reload"`
	Workers []Worker  `json:"workers"`
	Queues  []Queue   `json:"queues"`
	// Unserved counts, by interface, the frames of a service that arrived on a queue
	// without a worker. They were dropped there.
	Unserved map[string]uint64 `json:"unserved,omitempty"`
	// LinksDown lists the interfaces whose link is down.
	LinksDown []string `json:"links_down,omitempty"`
	// VIPsMissing lists the VIPs that are on no interface although --manage-vips asks for
	// them: somebody has removed them, or they could not be added.
	VIPsMissing []string `json:"vips_missing,omitempty"`
	// ShortOfMemory lists the interfaces that use AF_PACKET because the process may not
	// lock as much memory as AF_XDP needs.
	ShortOfMemory []string `json:"short_of_memory,omitempty"`
	// Changes is how many services, time-outs and sysctls differ from the loaded
	// configuration, because they were changed at run time.
	Changes int `json:"runtime_changes"`
	// Removed is how many services of the loaded configuration do not run, because they
	// were removed at run time.
	Removed int `json:"services_removed"`
	// JournalError says why run-time changes are not safe on disk; empty if they are, or
	// if there is no journal.
	JournalError string `json:"journal_error,omitempty"`
}

// SameRun reports whether both figures come from one run of one director. Counters
// of different runs have nothing to do with each other.
func (f *Figures) SameRun(o *Figures) bool { return f.PID == o.PID && f.Started.Equal(o.Started) }

// Dropped returns how many frames the workers have dropped, by reason.
func (f *Figures) Dropped() map[string]uint64 {
	return f.total(func(w *Worker) map[string]uint64 { return w.Drops })
}

// Left returns how many frames the workers have left to the kernel, by reason.
func (f *Figures) Left() map[string]uint64 {
	return f.total(func(w *Worker) map[string]uint64 { return w.Host })
}

// Wrong returns how many packets with a wrong checksum the workers have seen, by
// interface.
func (f *Figures) Wrong() map[string]uint64 {
	return f.total(func(w *Worker) map[string]uint64 { return w.Wrong })
}

// Completed returns how many checksums the workers have completed, by interface.
func (f *Figures) Completed() map[string]uint64 {
	return f.total(func(w *Worker) map[string]uint64 { return w.Completed })
}

func (f *Figures) total(of func(*Worker) map[string]uint64) map[string]uint64 {
	total := map[string]uint64{}
	for i := range f.Workers {
		for reason, n := range of(&f.Workers[i]) {
			total[reason] += n
		}
	}
	return total
}

// Table is the connection table.
type Table struct {
	Size int `json:"size"` // the most connections that fit
	Used int `json:"used"` // connections and templates now
}

// Reload says how often the configuration was loaded again, and how that ended.
type Reload struct {
	Applied   uint64    `json:"applied"`
	Refused   uint64    `json:"refused"`
	Failing   bool      `json:"failing"`    // the last one was refused
	AppliedAt time.Time `json:"applied_at"` // of the configuration that is in force; the start counts
}

// State is the number of connections in a state of a protocol. Templates have the protocol
// "template".
type State struct {
	Proto, Name string
	Connections uint64
}

// Process is what the operating system knows of the process.
type Process struct {
	Started    float64 // seconds since 1970
	CPUSeconds float64
	Resident   uint64 // bytes
	Virtual    uint64 // bytes
	Threads    int
	Goroutines int
	HeapLive   uint64 // bytes of the heap that were in use at the last garbage collection
	OpenFiles  int
	MaxFiles   uint64
}

// Worker is what one worker has done. The names are those of dataplane.Counts.
type Worker struct {
	Index      int               `json:"worker"`
	CPU        int               `json:"cpu"`
	CPUSeconds float64           `json:"cpu_seconds"` // used by its thread
	Rx         map[string]uint64 `json:"rx"`          // frames, by interface
	Tx         map[string]uint64 `json:"tx"`          // frames, by interface
	Host       map[string]uint64 `json:"host"`        // frames left to the kernel, by reason
	Drops      map[string]uint64 `json:"drops"`       // frames, by reason
	Handoff    uint64            `json:"handoff"`
	Conns      uint64            `json:"connections"` // created
	Untracked  uint64            `json:"unnoted"`
	Expired    uint64            `json:"expired"`
	Doubted    uint64            `json:"doubted_resets"` // did not end their connection (--tcp-strict)
	// Completed counts partial checksums that the worker completed. Wrong counts packets
	// with a wrong transport checksum, in the sample that the worker verifies. Both by
	// interface, without those that are zero.
	Completed map[string]uint64 `json:"checksum_completed,omitempty"`
	Wrong     map[string]uint64 `json:"checksum_wrong,omitempty"`
	// Batches counts batches by size: those of 1 frame, of 2, of 3 or 4, of 5 to 8,
	// and so on up to 64.
	Batches []uint64 `json:"batches"`
}

// Queue is one NIC queue and how it is served. Counters that its kind of I/O does
// not have stay zero. See Losses for those that count lost frames.
type Queue struct {
	Interface string `json:"interface"`
	Queue     int    `json:"queue"`
	Worker    int    `json:"worker"`
	IO        string `json:"io"`               // XDP or Packet
	Attach    string `json:"attach,omitempty"` // of AF_XDP: "native" or "generic"
	Mode      string `json:"mode,omitempty"`   // of AF_XDP: "zero-copy" or "copy"

	Rx uint64 `json:"rx"` // frames taken from the queue
	Tx uint64 `json:"tx"` // frames given to the kernel to send

	// RxRingFull counts, with AF_XDP, frames lost because the worker was too slow.
	// With AF_PACKET it counts how often the ring was full; the frames lost then are
	// in KernelDrops.
	RxRingFull   uint64 `json:"rx_ring_full"`
	RxFillEmpty  uint64 `json:"rx_fill_empty"`           // times that the kernel found no frame to fill
	RxInvalid    uint64 `json:"rx_invalid"`              // lost: not what a port can carry
	TxFull       uint64 `json:"tx_full"`                 // lost: the queue stayed full
	TxDown       uint64 `json:"tx_down"`                 // lost: the link was down
	TxInvalid    uint64 `json:"tx_invalid"`              // lost: refused
	KernelDrops  uint64 `json:"kernel_drops"`            // lost in the kernel before the ring
	HostReturned uint64 `json:"host_returned"`           // reinjected into the kernel
	HostFailed   uint64 `json:"host_failed"`             // lost while being reinjected
	Syscalls     uint64 `json:"syscalls,omitempty"`      // of AF_XDP: kicks and wakes
	SuperPackets uint64 `json:"super_packets,omitempty"` // of AF_PACKET: split into frames
}

// The kinds of I/O in Queue.IO.
const (
	XDP    = "AF_XDP"
	Packet = "AF_PACKET"
)

// Loss is a number of frames lost at a queue, and how.
type Loss struct {
	Name   string // short: "rx-ring-full"
	Text   string // the same for a reader: "receive ring full: the worker was too slow"
	Frames uint64
}

// Losses returns every way in which frames can be lost at the queue, with those that
// were, in the order of a frame's way through the director.
func (q *Queue) Losses() []Loss {
	ringFull := q.RxRingFull
	if q.IO == Packet {
		ringFull = 0 // a number of times, not of frames
	}
	return []Loss{
		{"rx-ring-full", "receive ring full: the worker was too slow", ringFull},
		{"kernel", "lost in the kernel before the ring", q.KernelDrops},
		{"rx-invalid", "received, but not what a queue can carry", q.RxInvalid},
		{"tx-full", "transmit ring full", q.TxFull},
		{"tx-down", "link down", q.TxDown},
		{"tx-invalid", "refused by the interface", q.TxInvalid},
		{"host-failed", "lost on the way back to the kernel", q.HostFailed},
	}
}
