package dataplane

import (
	"director/conntrack"
	"director/internal/ordered"
	"director/packet"
)

const (
	// tapShare is the share of a worker's time that it spends on a capture: one
	// part in so many. What the goroutine that writes the capture down takes from
	// the same CPU comes on top of it, as much again at the highest rate.
	tapShare = 50
	// tapCredit is how much of it the worker can have saved, in nanoseconds: what
	// comes together in two ticks of its clock.
	tapCredit = 2_000_000
	// tapDearest bounds what one batch can be held to have cost, in nanoseconds. A
	// worker that others took the CPU from did not spend that time on the capture.
	tapDearest = 50_000
	// tapBurst is for how long frames may have been saved up, in nanoseconds.
	tapBurst = second / 16
	// tapOwn is about what a record costs that is not made with its batch, in
	// nanoseconds.
	tapOwn = 300
	// tapLater is the most frames of the director's own that a batch can lead to
	// before some are lost to the capture: each frame an answer.
	tapLater = packet.BatchSize
)

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

// tapper is a worker's side of a Tap.
type tapper struct {
	tap    *Tap
	ring   tapRing
	counts tapCounts

	// What may be spent, see refill.
	tick   int64 // of the worker's clock, up to which it is filled up; -1: not begun
	credit int64 // nanoseconds of work
	frames int64 // likewise frames, each gap nanoseconds
	gap    int64
	turn   int // frames that matched since one was sampled

	// Of the batch in hand.
	open    bool // it is looked at
	early   bool // what is sent is recorded behind it
	time    int64
	chosen  [packet.BatchSize]uint8 // the frames that match
	n       int
	copies  []byte // the beginnings of all frames as they came in, snap bytes each
	lengths [packet.BatchSize]int32
	later   []TapRecord
	causes  [tapLater]*packet.Frame // of later's
	behind  []byte                  // the beginnings of later's frames
	snap    int

	// Of the frame in hand that something is said about, or that is cut: nil if the
	// capture does not want it.
	cause *packet.Frame
	point TapPoint

	record TapRecord
	conn   conntrack.Conn
	quote  packet.Quote
	flow   packet.Flow
}

func (t *tapper) init(tap *Tap) {
	o := &tap.options
	t.tap, t.tick, t.snap = tap, -1, o.Snap
	t.gap = second / int64(o.Rate)
	t.credit, t.frames = tapCredit, max(tapBurst, t.gap)
	t.ring.init(o.Snap)
	t.copies = make([]byte, packet.BatchSize*o.Snap)
	t.later = make([]TapRecord, 0, tapLater)
	t.behind = make([]byte, tapLater*o.Snap)
}

// tapper returns the worker's side of the capture in progress, or nil.
func (s *step) tapper() *tapper {
	tap := s.engine.tap.Load()
	if tap == nil || s.index >= len(tap.workers) {
		return nil
	}
	t := &tap.workers[s.index]
	t.refill(s.now)
	return t
}

// refill adds what may be spent of the time since the last tick of the worker's
// clock.
func (t *tapper) refill(now int64) {
	if t.tick < 0 {
		t.tick = now
	}
	if since := now - t.tick; since > 0 {
		t.tick = now
		t.credit = min(t.credit+since/tapShare, tapCredit)
		t.frames = min(t.frames+since, max(tapBurst, t.gap))
	}
}

// charge takes what a batch has cost.
func (t *tapper) charge(nanoseconds int64) { t.credit -= min(nanoseconds, tapDearest) }

// spend takes a frame from those that may be recorded.
func (t *tapper) spend(iface uint8) bool {
	if t.frames < t.gap {
		t.counts.add(iface, tapSkipped, 1)
		return false
	}
	t.frames -= t.gap
	return true
}

// push gives t.record to the ring with the beginning of its frame.
func (t *tapper) push(iface uint8, data []byte) {
	if !t.ring.push(&t.record, data[:min(len(data), t.snap, t.record.Length)]) {
		t.counts.add(iface, tapLost, 1)
	}
}

// own records a frame that the director made, or that waited: it was sent, or
// dropped for the given reason.
func (t *tapper) own(data []byte, point TapPoint, iface uint8, reason packet.Reason) {
	verdict := packet.Drop
	if reason == packet.None {
		verdict = packet.Tx
	}
	if !t.tap.options.Filter.takes(verdict, reason) || !t.spend(iface) {
		return
	}
	t.credit -= tapOwn
	if !t.early {
		t.time = t.tap.options.Clock()
	}
	t.record = TapRecord{Time: t.time, Length: len(data), Point: point, Interface: iface, Verdict: verdict, Reason: reason}
	switch n := len(t.later); {
	case !t.early:
		t.push(iface, data)
	case n == tapLater:
		t.counts.add(iface, tapLost, 1)
	default:
		t.later = append(t.later, t.record)
		t.causes[n] = t.cause
		copy(t.behind[n*t.snap:(n+1)*t.snap], data)
	}
}

// tapCause says that what is sent next is about f, or part of it.
func (o *output) tapCause(f *packet.Frame, point TapPoint) {
	if t := o.tap; t != nil {
		t.cause, t.point = o.tapsFrame(f), point
	}
}

// tapsFrame returns f, of the batch in hand, if the capture wants it, else nil.
func (o *output) tapsFrame(f *packet.Frame) *packet.Frame {
	if o.tap != nil && o.tap.open && f.Tapped {
		return f
	}
	return nil
}
