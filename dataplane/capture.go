package dataplane

import (
	"director/dataplane/fragment"
	"director/packet"
	"director/service"
)

// capture records the frames of the current batch for a running capture. Its methods
// are called only while a capture runs: step.tap is not nil.
type capture struct {
	*step
	batch   *batch
	pending *pending
}

// received copies the received frames of a batch that the capture may record, because
// the stages overwrite them. It parses these frames; classify parses them again.
func (c *capture) received(in *iface, rx *packet.Batch) {
	t := c.tap
	t.n, t.open = 0, t.credit > 0 && t.frames >= t.gap
	t.counts.add(in.index, tapReceived, uint64(rx.N))
	if !t.open {
		t.counts.add(in.index, tapSkipped, uint64(rx.N))
		return
	}
	t.early, t.time = true, t.tap.options.Clock()
	sampled := uint64(0)
	for i := range rx.N {
		f := &rx.Frames[i]
		f.Tapped = c.wants(f, &c.batch.jobs[i])
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
	t.counts.add(in.index, tapMatched, uint64(t.n)+sampled)
	t.counts.add(in.index, tapSampled, sampled)
	t.charge(t.tap.options.Clock() - t.time)
}

// wants reports whether the capture may record a received frame. It also prepares the
// job of the frame, because the stages do not write all fields for every frame. An
// ICMP error belongs to the packet that it quotes.
func (c *capture) wants(f *packet.Frame, j *job) bool {
	t, filter := c.tap, &c.tap.tap.options.Filter
	j.found, j.out = false, false
	reason := packet.Parse(f)
	if f.L3 == 0 {
		return !filter.Client.IsValid() && filter.Service == nil && filter.Server.IsZero()
	}
	out := c.view.FromServer(f.Dst) || c.view.MayAnswer(f.Dst) && c.view.Services.Masquerades(f.Src)
	j.out = out
	flow, ports := &f.Flow, reason == packet.None
	if f.Proto == packet.ProtoICMP && packet.ParseQuote(f, &t.quote) {
		flow, ports = &t.flow, !t.quote.Later
		t.flow = t.quote.Reverse()
		if t.quote.Outer.L3 != 0 { // the error quotes a tunnel packet, whose inner packet is the client's
			t.flow, out = t.quote.Flow, false
		}
	}
	return filter.may(c.view, flow, out, ports)
}

// decided records the frames of a batch with their verdicts, in the form in which
// they are sent. It skips fragments, which the method fragment records.
func (c *capture) decided(in *iface, rx *packet.Batch) {
	t := c.tap
	if !t.open {
		return
	}
	if t.n > 0 {
		began := t.tap.options.Clock()
		for _, i := range t.chosen[:t.n] {
			f := &rx.Frames[i]
			if f.Verdict != packet.Moved || f.Reason != packet.Fragment {
				c.fate(in, int(i), f, &c.batch.jobs[i])
			}
		}
		t.charge(t.tap.options.Clock() - began)
	}
	c.finish()
}

// fragment records fragment i of a batch. o is the outcome of adding it; whole is the
// datagram, if it is complete now.
func (c *capture) fragment(in *iface, i int, f, whole *packet.Frame, o fragment.Outcome) {
	t := c.tap
	switch {
	case !t.open || !f.Tapped:
	case o.Result == fragment.Complete:
		c.fate(in, i, whole, &c.batch.jobs[0])
		t.credit -= tapOwn
	default:
		fate, none := *f, job{}
		if o.Dropped > 0 {
			fate.Verdict = packet.Drop
		}
		c.fate(in, i, &fate, &none)
		t.credit -= tapOwn
	}
	c.finish()
}

// fate records frame i of a batch as it was received, and also as it is sent if it is
// sent as one frame. f contains the verdict, and j the connection.
func (c *capture) fate(in *iface, i int, f *packet.Frame, j *job) {
	t := c.tap
	r := &t.record
	*r = TapRecord{Time: t.time, Length: int(t.lengths[i]), Interface: in.index, Verdict: f.Verdict, Reason: f.Reason}
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
	c.connection(r, f, j)
	filter := &t.tap.options.Filter
	if !filter.fits(r) {
		f.Tapped = false // frames that it caused are not recorded either
		return
	}
	if !filter.takes(r.Verdict, r.Reason) || !t.spend(in.index) {
		return
	}
	t.push(in.index, t.copies[i*t.snap:])
	if sent {
		r.Point, r.Interface, r.Other, r.Length = TapSent, f.Out, in.index, int(f.Len)
		t.push(in.index, f.Bytes())
	}
}

// connection stores the connection of a frame in the record, if the stages have found
// it or if it is in the table.
func (c *capture) connection(r *TapRecord, f *packet.Frame, j *job) {
	t, conn := c.tap, &j.conn
	r.Answer = j.out
	switch {
	case j.found, f.Proto == packet.ProtoICMP && (r.Verdict == packet.Tx || r.Verdict == packet.Moved):
	case r.Verdict != packet.Tx || !f.Plain:
		return
	default:
		conn = &t.conn
		if j.out {
			r.Known = c.engine.conns.FindOut(j.hash, &f.Flow, conn)
		} else {
			r.Known = c.engine.conns.FindIn(j.hash, &f.Flow, conn)
		}
		if !r.Known {
			return
		}
	}
	r.Known = true
	r.Method = service.Method(conn.Method())
	r.Server, r.ServerPort = conn.Target()
	r.Virtual, r.VirtualPort = conn.Virtual()
	if s := c.server(conn); s != nil {
		r.key = s.Of
	}
}

// finish records the frames that were sent while a batch or a datagram was handled.
// Only now it is known whether the capture records the frames that caused them.
func (c *capture) finish() {
	t := c.tap
	t.early = false
	for i := range t.later {
		if t.causes[i].Tapped {
			t.record = t.later[i]
			t.push(t.record.Interface, t.behind[i*t.snap:])
		}
	}
	t.later = t.later[:0]
	for i := range c.pending.n {
		if f := &c.pending.frames[i]; f.cause != nil {
			if !f.cause.Tapped {
				f.tap = nil
			}
			f.cause = nil
		}
	}
}
