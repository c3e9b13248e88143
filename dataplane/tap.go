package dataplane

import (
	"director/packet"
	"director/service"
)

// Tap is a capture. The workers copy the selected frames into rings. NewTap allocates
// all its memory. Engine.StartTap starts it; only one capture runs at a time. One
// goroutine calls Take; any goroutine may call Counts.
type Tap struct {
	options TapOptions
	workers []tapper
}

// TapOptions configure a Tap.
type TapOptions struct {
	Workers int       // of the director
	Filter  TapFilter // selects the frames
	Snap    int       // number of bytes of each frame that are recorded, from 1 to packet.MaxFrame
	Rate    int       // maximum number of received frames that are recorded per second and worker
	Sample  int       // one in Sample matching frames is recorded
	// Clock returns nanoseconds since 1970 and never goes back. It is read a few
	// times per recorded batch, because the resolution of the workers' clock is too
	// coarse to show how fast packets are answered.
	Clock func() int64
}

// TapPoint is the point at which a frame was recorded.
type TapPoint uint8

const (
	TapReceived TapPoint = iota // when it was received, with its verdict
	TapSent                     // when it was sent; follows the record TapReceived
	TapWaited                   // when it was sent or dropped after it waited for its neighbour's address
	TapMade                     // when the director sent an ICMP error or a reset of its own
	TapPiece                    // when the director sent a fragment of a packet that it cut
)

// TapRecord is a record of one frame at one point.
type TapRecord struct {
	Time      int64  // nanoseconds since 1970
	Data      []byte // beginning of the frame; valid until the next call of Take
	Length    int    // length of the whole frame
	Point     TapPoint
	Interface uint8 // with TapReceived the ingress interface, else the egress interface
	Other     uint8 // with TapReceived and Tx the egress interface, with TapSent the ingress interface

	// Verdict is Tx, Drop, Host or Moved. Moved means that the frame waits for its
	// neighbour's address or for the rest of its datagram, as Reason says. Tx with
	// packet.MTU means that the frame was sent in fragments.
	Verdict packet.Verdict
	Reason  packet.Reason

	Answer bool // from the real server's side
	// Known reports whether the frame belongs to a connection, which the fields below
	// describe.
	Known                   bool
	Method                  service.Method
	Server, Virtual         packet.Addr
	ServerPort, VirtualPort uint16
	key                     service.Key
}

// TapCounts counts the frames of one interface during a capture.
type TapCounts struct {
	Received uint64 // received by the workers, independent of the filter
	Matched  uint64 // examined frames that matched the filter, before sampling
	Sampled  uint64 // matching frames that sampling left out
	Skipped  uint64 // skipped because of the budget, most of them without examination
	Lost     uint64 // records for which there was no room
}

// NewTap returns a capture that is not started yet.
func NewTap(o TapOptions) *Tap {
	t := &Tap{options: o, workers: make([]tapper, o.Workers)}
	for i := range t.workers {
		t.workers[i].init(t)
	}
	return t
}

// Take calls use for each available record and returns the number of records. The
// records are in order of time, as far as those of different workers can be compared.
// Take stops when use returns false.
func (t *Tap) Take(use func(*TapRecord) bool) (n int) {
	for {
		var first *tapper
		for i := range t.workers {
			r := &t.workers[i].ring
			if r.ready() && (first == nil || r.time() < first.ring.time()) {
				first = &t.workers[i]
			}
		}
		if first == nil {
			return n
		}
		n++
		more := use(first.ring.front())
		first.ring.pop()
		if !more {
			return n
		}
	}
}

// Counts returns the counts of an interface.
func (t *Tap) Counts(iface int) (sum TapCounts) {
	for i := range t.workers {
		c := &t.workers[i].counts[iface]
		sum.Received += c[tapReceived].Load()
		sum.Matched += c[tapMatched].Load()
		sum.Sampled += c[tapSampled].Load()
		sum.Skipped += c[tapSkipped].Load()
		sum.Lost += c[tapLost].Load()
	}
	return sum
}
