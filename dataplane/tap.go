package dataplane

import (
	"director/packet"
	"director/service"
)

// Tap is a capture in progress: the workers copy the frames that it is about into
// rings. It allocates all its memory when it is made. Engine.StartTap starts it; there
// is one at a time. One goroutine calls Take; Counts may be called from any.
type Tap struct {
	options TapOptions
	workers []tapper
}

// TapOptions configure a Tap.
type TapOptions struct {
	Workers int       // of the director
	Filter  TapFilter // the frames it is about
	Snap    int       // bytes of each frame that are kept, from 1 to packet.MaxFrame
	Rate    int       // received frames a second and worker that are recorded, at most
	Sample  int       // of the frames that match one in so many is recorded
	// Clock returns nanoseconds since 1970 and never goes back. It is read a few
	// times for a batch that is looked at: the workers' own stands still for
	// longer than a packet takes to be answered.
	Clock func() int64
}

// TapPoint is where on a frame's way a record of it was made.
type TapPoint uint8

const (
	TapReceived TapPoint = iota // as it came in, with what became of it
	TapSent                     // as it leaves, behind the record of how it came in
	TapWaited                   // as it leaves after it waited for its neighbour's address, or is dropped
	TapMade                     // the director's own: an ICMP error or a reset
	TapPiece                    // a fragment of a packet that the director cut
)

// TapRecord is one frame at one point of its way.
type TapRecord struct {
	Time      int64  // nanoseconds since 1970
	Data      []byte // its beginning; valid until the next call of Take
	Length    int    // of the whole frame
	Point     TapPoint
	Interface uint8 // by which it came in, with TapReceived, or leaves
	Other     uint8 // by which it leaves, with TapReceived and Tx, or came in, with TapSent

	// Verdict is Tx, Drop, Host, or Moved where the frame waits: for its
	// neighbour's address or for the rest of its datagram, by Reason. Tx with
	// packet.MTU means that it leaves in fragments.
	Verdict packet.Verdict
	Reason  packet.Reason

	Answer bool // from the real server's side
	// Known says that the frame belongs to a connection, which the rest is of.
	Known                   bool
	Method                  service.Method
	Server, Virtual         packet.Addr
	ServerPort, VirtualPort uint16
	key                     service.Key
}

// TapCounts is what became of the frames of one interface during a capture.
type TapCounts struct {
	Received uint64 // by the workers, whatever the filter says
	Matched  uint64 // what the filter took of those that were looked at, before sampling
	Sampled  uint64 // that matched, and were left out by sampling
	Skipped  uint64 // passed over for lack of budget, most of them without a look
	Lost     uint64 // records for which there was no room
}

// NewTap makes a tap that is not started yet.
func NewTap(o TapOptions) *Tap {
	t := &Tap{options: o, workers: make([]tapper, o.Workers)}
	for i := range t.workers {
		t.workers[i].init(t)
	}
	return t
}

// Take calls use for each record that there is, in order of time as far as the
// workers' records can be compared, and returns how many there were. It stops when
// use reports false.
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
