package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
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

// tapper returns the worker's side of the tap that is in force, or nil.
func (w *Worker) tapper() *tapper {
	tap := w.shared.tap.Load()
	if tap == nil || w.index >= len(tap.workers) {
		return nil
	}
	t := &tap.workers[w.index]
	t.refill(w.now)
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

// tapIn copies those frames of a batch that may be the capture's, as they came in
// by an interface: the stages overwrite them. It parses them for that, as classify will
// once more.
func (w *Worker) tapIn(a *iface, b *packet.Batch) {
	t := w.tap
	t.n, t.open = 0, t.credit > 0 && t.frames >= t.gap
	t.counts.add(a.index, tapReceived, uint64(b.N))
	if !t.open {
		t.counts.add(a.index, tapSkipped, uint64(b.N))
		return
	}
	t.early, t.time = true, t.tap.options.Clock()
	sampled := uint64(0)
	for i := range b.N {
		f := &b.Frames[i]
		f.Tapped = w.tapWants(f, &w.jobs[i])
		if !f.Tapped {
			continue
		}
		if t.turn++; t.turn < t.tap.options.Sample {
			f.Tapped = false
			sampled++
			continue
		}
		t.turn = 0
		t.chosen[t.n] = uint8(i)
		t.n++
		t.lengths[i] = f.Len
		copy(t.copies[i*t.snap:(i+1)*t.snap], f.Bytes())
	}
	t.counts.add(a.index, tapMatched, uint64(t.n)+sampled)
	t.counts.add(a.index, tapSampled, sampled)
	t.charge(t.tap.options.Clock() - t.time)
}

// charge takes what a batch has cost.
func (t *tapper) charge(nanoseconds int64) { t.credit -= min(nanoseconds, tapDearest) }

// tapWants reports whether a frame that was received may be one that the capture
// is about, and prepares its job: the stages do not write all of it for every
// frame. An ICMP error belongs to the packet that it quotes.
func (w *Worker) tapWants(f *packet.Frame, j *job) bool {
	t, filter := w.tap, &w.tap.tap.options.Filter
	j.found, j.out = false, false
	reason := packet.Parse(f)
	if f.L3 == 0 {
		return !filter.Client.IsValid() && filter.Service == nil && filter.Server.IsZero()
	}
	out := w.fromServer(f) || w.mayAnswer(f) && w.view.Services.Masquerades(f.Src)
	j.out = out
	flow, ports := &f.Flow, reason == packet.None
	if f.Proto == packet.ProtoICMP && packet.ParseQuote(f, &t.quote) {
		flow, ports = &t.flow, !t.quote.Later
		t.flow = t.quote.Reverse()
		if t.quote.Outer.L3 != 0 { // about a tunnel: the client's packet is inside
			t.flow, out = t.quote.Flow, false
		}
	}
	return filter.may(w.view, flow, out, ports)
}

// tapOut records what became of the frames of a batch, which lie where they are
// sent from. Fragments are recorded by assemble.
func (w *Worker) tapOut(a *iface, b *packet.Batch) {
	t := w.tap
	if !t.open {
		return
	}
	if t.n > 0 {
		began := t.tap.options.Clock()
		for _, i := range t.chosen[:t.n] {
			f := &b.Frames[i]
			if f.Verdict != packet.Moved || f.Reason != packet.Fragment {
				w.tapFate(a, int(i), f, &w.jobs[i])
			}
		}
		t.charge(t.tap.options.Clock() - began)
	}
	w.tapDone()
}

// tapFragment records fragment i of a batch, of which assemble has made what
// result says.
func (w *Worker) tapFragment(a *iface, i int, f *packet.Frame, whole, dropped bool) {
	t := w.tap
	switch {
	case !t.open || !f.Tapped:
	case whole:
		w.tapFate(a, i, &w.one.Frames[0], &w.jobs[0])
		t.credit -= tapOwn
	default:
		fate, none := *f, job{}
		if dropped {
			fate.Verdict = packet.Drop
		}
		w.tapFate(a, i, &fate, &none)
		t.credit -= tapOwn
	}
	w.tapDone()
}

// tapFate records frame i of a batch as it came in, and as it leaves if it does
// so as it is. f says what became of it, and j of which connection it is.
func (w *Worker) tapFate(a *iface, i int, f *packet.Frame, j *job) {
	t := w.tap
	r := &t.record
	*r = TapRecord{Time: t.time, Length: int(t.lengths[i]), Interface: a.index, Verdict: f.Verdict, Reason: f.Reason}
	sent := f.Verdict == packet.Tx || f.Verdict == packet.Moved && f.Reason == packet.None
	switch {
	case sent, f.Verdict == packet.Moved && f.Reason == packet.MTU:
		r.Verdict = packet.Tx
	case f.Verdict == packet.Moved && (f.Reason == packet.TxFull || f.Reason == packet.HandoffFull):
		r.Verdict = packet.Drop
	}
	if r.Verdict == packet.Tx {
		r.Other = f.Out
	}
	w.tapConn(r, f, j)
	filter := &t.tap.options.Filter
	if !filter.fits(r) {
		f.Tapped = false // nor is what it led to
		return
	}
	if !filter.takes(r.Verdict, r.Reason) || !t.spend(a.index) {
		return
	}
	t.push(a.index, t.copies[i*t.snap:])
	if sent {
		r.Point, r.Interface, r.Other, r.Length = TapSent, f.Out, a.index, int(f.Len)
		t.push(a.index, f.Bytes())
	}
}

// tapConn notes the connection of a frame, as far as the stages know it or it is
// in the table.
func (w *Worker) tapConn(r *TapRecord, f *packet.Frame, j *job) {
	t, c := w.tap, &j.conn
	r.Answer = j.out
	switch {
	case j.found, f.Proto == packet.ProtoICMP && (r.Verdict == packet.Tx || r.Verdict == packet.Moved):
	case r.Verdict != packet.Tx || !f.Plain:
		return
	default:
		c = &t.conn
		if j.out {
			r.Known = w.shared.conns.FindOut(j.hash, &f.Flow, c)
		} else {
			r.Known = w.shared.conns.FindIn(j.hash, &f.Flow, c)
		}
		if !r.Known {
			return
		}
	}
	r.Known = true
	r.Method = service.Method(c.Method())
	r.Server, r.ServerPort = c.Target()
	r.Virtual, r.VirtualPort = c.Virtual()
	if s := w.server(c); s != nil {
		r.key = s.Of
	}
}

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

// tapCause says that what is sent next is about f, or part of it.
func (w *Worker) tapCause(f *packet.Frame, point TapPoint) {
	if t := w.tap; t != nil {
		t.cause, t.point = w.tapsFrame(f), point
	}
}

// tapsFrame returns f, of the batch in hand, if the capture wants it, else nil.
func (w *Worker) tapsFrame(f *packet.Frame) *packet.Frame {
	if w.tap != nil && w.tap.open && f.Tapped {
		return f
	}
	return nil
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

// tapDone records what was sent while the batch was in hand, or a datagram, now
// that it is known whether the capture is about what led to it.
func (w *Worker) tapDone() {
	t := w.tap
	t.early = false
	for i := range t.later {
		if t.causes[i].Tapped {
			t.record = t.later[i]
			t.push(t.record.Interface, t.behind[i*t.snap:])
		}
	}
	t.later = t.later[:0]
	for i := range w.held.n {
		if h := &w.held.frames[i]; h.cause != nil {
			if !h.cause.Tapped {
				h.tap = nil
			}
			h.cause = nil
		}
	}
}
