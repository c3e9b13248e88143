package dataplane

import (
	"net/netip"

	"director/internal/ordered"
	"director/packet"
	"director/service"
)

// Tap is a capture in progress as the workers see it: what they copy out of the
// frames that they handle. It takes memory when it is made and none afterwards.
// It is put in force by Shared.Tap, one at a time; a worker takes it up with its
// next step. One goroutine calls Take; Counts may be called from any.
type Tap struct {
	options TapOptions
	workers []tapper
}

// TapOptions are what a Tap is made of.
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

// TapFilter says which frames a capture is about. The zero value is all.
type TapFilter struct {
	// Client is where the client is, whoever sent the frame.
	Client netip.Prefix
	// Service is the service the frame is for or answers for. Of fragments, which
	// do not show their ports, address and protocol must fit.
	Service *service.Key
	// Server is the real server the frame goes to or comes from, ServerPort its
	// port or 0.
	Server     packet.Addr
	ServerPort uint16
	// Verdicts and Reasons are what becomes of the frame, any of them; none is
	// all. packet.Moved stands for frames that wait.
	Verdicts [packet.Moved + 1]bool
	Reasons  [packet.Reasons]bool
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

// TapCounts is what became of the frames of one interface while a Tap was in force.
type TapCounts struct {
	Received uint64 // by the workers, whatever the filter says
	Matched  uint64 // what the filter took of those that were looked at, before sampling
	Sampled  uint64 // that matched, and were left out by sampling
	Skipped  uint64 // passed over for lack of budget, most of them without a look
	Lost     uint64 // records for which there was no room
}

// NewTap makes a tap that is not in force yet.
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

// Places in a tapper's counts of an interface.
const (
	tapReceived = iota
	tapMatched
	tapSampled
	tapSkipped
	tapLost
	tapCountsLen
)

type tapCounts [MaxInterfaces][tapCountsLen]ordered.Uint64

// add counts n more; one goroutine does so.
func (c *tapCounts) add(iface uint8, place int, n uint64) {
	word := &c[iface][place]
	word.Store(word.Load() + n)
}

// takes reports whether a frame's fate is one that the capture is about.
func (f *TapFilter) takes(v packet.Verdict, reason packet.Reason) bool {
	return f.Verdicts[v] || v != packet.Tx && f.Reasons[reason] ||
		f.Verdicts == [len(f.Verdicts)]bool{} && f.Reasons == [len(f.Reasons)]bool{}
}

// may reports whether a packet of the given flow can be one that the capture is
// about: of a client's all but the real server is known, of a server's the client
// and the server. ports says whether flow has any.
func (f *TapFilter) may(v *View, flow *packet.Flow, out, ports bool) bool {
	client := flow.Src
	if out {
		client = flow.Dst
	}
	if f.Client.IsValid() && !f.Client.Contains(client.Netip()) {
		return false
	}
	switch {
	case f.Server.IsZero() || !out:
	case flow.Src != f.Server, ports && f.ServerPort != 0 && flow.SrcPort != f.ServerPort:
		return false
	}
	return f.Service == nil || f.mayServe(v, flow, out, ports)
}

// mayServe is may for the service alone.
func (f *TapFilter) mayServe(v *View, flow *packet.Flow, out, ports bool) bool {
	k := f.Service
	switch {
	case k.Mark != 0 && (out || !ports):
		return true
	case k.Mark == 0 && flow.Proto != k.Proto:
		return false
	case out:
		return true
	case k.Mark == 0 && flow.Dst != k.Addr:
		return false
	case k.Mark == 0 && (!ports || k.Port == flow.DstPort):
		return true
	}
	s := v.Services.Lookup(flow)
	return s != nil && s.Key == *k
}

// fits reports whether the capture is about the frame of r, whose connection is
// known now, whatever became of it.
func (f *TapFilter) fits(r *TapRecord) bool {
	if !f.Server.IsZero() && !r.Answer &&
		!(r.Known && r.Server == f.Server && (f.ServerPort == 0 || r.ServerPort == f.ServerPort)) {
		return false
	}
	if f.Service == nil || !r.Answer {
		return true
	}
	k := f.Service
	return r.Known && (r.key == *k || k.Mark == 0 && r.Virtual == k.Addr && r.VirtualPort == k.Port)
}
