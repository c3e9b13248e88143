// Package figures is what a director is at a moment, in numbers: its workers, its
// queues and its connection table. Counts only grow while a director runs; whoever
// wants rates takes two. The names of the JSON fields are part of the control API.
package figures

import "time"

// Figures is a director at a moment.
type Figures struct {
	At      time.Time `json:"at"`
	Started time.Time `json:"started"`
	// Counted is when the shown counts of services and servers were last brought up
	// to date; the zero time if they never were.
	Counted time.Time `json:"counted"`
	Version string    `json:"version"` // of the binary
	PID     int       `json:"pid"`
	Table   Table     `json:"table"`
	Workers []Worker  `json:"workers"`
	Queues  []Queue   `json:"queues"`
	// Unserved counts, by interface, frames of a service that arrived on a queue
	// that no worker serves, and were dropped there.
	Unserved map[string]uint64 `json:"unserved,omitempty"`
}

// Table is the connection table.
type Table struct {
	Size int `json:"size"` // most connections
	Used int `json:"used"` // connections and templates now
}

// Worker is what one worker has done: see dataplane.Counts, whose words these are.
type Worker struct {
	Index      int               `json:"worker"`
	CPU        int               `json:"cpu"`
	CPUSeconds float64           `json:"cpu_seconds"` // that its thread has used
	Rx         map[string]uint64 `json:"rx"`          // frames, by interface
	Tx         map[string]uint64 `json:"tx"`          // likewise
	Host       map[string]uint64 `json:"host"`        // frames given back to the kernel, by reason
	Drops      map[string]uint64 `json:"drops"`       // by reason
	Handoff    uint64            `json:"handoff"`
	Conns      uint64            `json:"connections"` // made
	Unnoted    uint64            `json:"unnoted"`
	Expired    uint64            `json:"expired"`
	// Batches counts batches by size: those of 1 frame, of 2, of 3 or 4, of 5 to 8,
	// and so on to 64.
	Batches []uint64 `json:"batches"`
}

// Queue is one NIC queue and how it is served. Of the counts those are there that
// its kind of I/O has.
type Queue struct {
	Interface string `json:"interface"`
	Queue     int    `json:"queue"`
	Worker    int    `json:"worker"`
	IO        string `json:"io"`               // "AF_XDP" or "AF_PACKET"
	Attach    string `json:"attach,omitempty"` // of AF_XDP: "native" or "generic"
	Mode      string `json:"mode,omitempty"`   // of AF_XDP: "zero-copy" or "copy"

	Rx uint64 `json:"rx"` // frames taken from the queue
	Tx uint64 `json:"tx"` // frames given to the kernel

	RxRingFull   uint64 `json:"rx_ring_full"`            // lost: the worker was too slow
	RxFillEmpty  uint64 `json:"rx_fill_empty"`           // times that the kernel found no frame to fill
	RxInvalid    uint64 `json:"rx_invalid"`              // lost: not what a port can carry
	TxFull       uint64 `json:"tx_full"`                 // lost: the queue stayed full
	TxDown       uint64 `json:"tx_down"`                 // lost: the link was down
	TxInvalid    uint64 `json:"tx_invalid"`              // lost: refused
	KernelDrops  uint64 `json:"kernel_drops"`            // lost in the kernel before the ring
	HostReturned uint64 `json:"host_returned"`           // given back to the kernel
	HostFailed   uint64 `json:"host_failed"`             // lost on the way back
	Syscalls     uint64 `json:"syscalls,omitempty"`      // of AF_XDP: kicks and wakes
	SuperPackets uint64 `json:"super_packets,omitempty"` // of AF_PACKET: taken apart
}
