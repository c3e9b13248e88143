package dataplane

import (
	"director/conntrack"
	"director/internal/ordered"
	"director/packet"
)

const (
	// tapShare limits the time that a worker spends on a capture to 1/tapShare of its
	// time. The goroutine that writes the capture needs additional time of the same
	// CPU, about as much again at the highest rate.
	tapShare = 50
	// tapCredit is the maximum of saved time in nanoseconds: the share of two ticks
	// of the worker's clock.
	tapCredit = 2_000_000
	// tapDearest is the maximum cost in nanoseconds that is charged for one batch. A
	// worker that lost the CPU to others did not spend that time on the capture.
	tapDearest = 50_000
	// tapBurst is the maximum time in nanoseconds whose frames can be saved.
	tapBurst = second / 16
	// tapOwn is the approximate cost in nanoseconds of a record that is not made with
	// its batch.
	tapOwn = 300
	// tapLater is the number of frames caused by a batch that can be recorded: one
	// answer for each frame. Further frames are not recorded.
	tapLater = packet.BatchSize
)

// Indices in a tapper's counts of an interface.
const (
	tapReceived = iota
	tapMatched
	tapSampled
	tapSkipped
	tapLost
	tapCountsLen
)

type tapCounts [MaxInterfaces][tapCountsLen]ordered.Uint64

// add adds n. Only one goroutine calls it.
func (c *tapCounts) add(iface uint8, place int, n uint64) {
	word := &c[iface][place]
	word.Store(word.Load() + n)
}

// tapper is a worker's side of a Tap.
type tapper struct {
	tap    *Tap
	ring   tapRing
	counts tapCounts

	// The budget: see refill.
	tick   int64 // time on the worker's clock of the last refill; -1: none yet
	credit int64 // nanoseconds of work that are left
	frames int64 // frames that are left, in nanoseconds: one frame is gap nanoseconds
	gap    int64
	turn   int // number of matching frames since the last sampled one

	// The current batch.
	open    bool // whether the batch is examined
	early   bool // whether sent frames are recorded after the batch
	time    int64
	chosen  [packet.BatchSize]uint8 // the frames that match
	n       int
	copies  []byte // the beginnings of all received frames, snap bytes each
	lengths [packet.BatchSize]int32
	later   []TapRecord
	causes  [tapLater]*packet.Frame // the causes of the frames in later
	behind  []byte                  // the beginnings of the frames in later
	snap    int

	// The current frame that is answered or cut; nil if the capture does not record
	// it.
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

// refill adds the budget for the time since the last tick of the worker's clock.
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

// charge subtracts the cost of a batch from the budget.
func (t *tapper) charge(nanoseconds int64) { t.credit -= min(nanoseconds, tapDearest) }

// spend subtracts a frame from the budget.
func (t *tapper) spend(iface uint8) bool {
	if t.frames < t.gap {
		t.counts.add(iface, tapSkipped, 1)
		return false
	}
	t.frames -= t.gap
	return true
}

// push puts t.record with the beginning of its frame into the ring.
func (t *tapper) push(iface uint8, data []byte) {
	if !t.ring.push(&t.record, data[:min(len(data), t.snap, t.record.Length)]) {
		t.counts.add(iface, tapLost, 1)
	}
}

// own records a frame that the director made, or that waited. reason is the reason
// for which it was dropped, or packet.None if it was sent.
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

// tapCause sets f as the cause of the frames that are sent next: answers to f, or
// fragments of it.
func (o *output) tapCause(f *packet.Frame, point TapPoint) {
	if t := o.tap; t != nil {
		t.cause, t.point = o.tapsFrame(f), point
	}
}

// tapsFrame returns the frame f of the current batch if the capture records it, else
// nil.
func (o *output) tapsFrame(f *packet.Frame) *packet.Frame {
	if o.tap != nil && o.tap.open && f.Tapped {
		return f
	}
	return nil
}
