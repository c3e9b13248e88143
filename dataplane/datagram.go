package dataplane

import (
	"director/dataplane/fragment"
	"director/neigh"
	"director/packet"
)

// assemble collects the batch's fragments. A datagram that one of them makes
// whole goes through the stages as one packet.
func (w *Worker) assemble(a *iface, b *packet.Batch) {
	w.fragments = false
	for i := range b.N {
		f := &b.Frames[i]
		if f.Verdict != packet.Moved || f.Reason != packet.Fragment {
			continue
		}
		o := w.shared.fragments.Add(f, a.index, w.now, w.whole)
		w.add(dropCount+int(packet.Fragment), uint64(o.Dropped+o.Evicted+o.Expired))
		if o.Result == fragment.Complete {
			w.datagram(f.Tapped)
		}
		if w.tap != nil {
			w.tapFragment(a, i, f, o.Result == fragment.Complete, o.Dropped > 0)
		}
	}
}

// datagram takes the datagram in w.whole through the stages. tapped says whether
// a capture has the fragment that made it whole.
func (w *Worker) datagram(tapped bool) {
	b, j := &w.one, &w.jobs[0]
	b.N = 1
	f := &b.Frames[0]
	*f = w.whole.Frame
	w.largest = w.whole.Largest
	reason := packet.Parse(f)
	f.Plain = false // it may leave as it came, in fragments
	f.Tapped = tapped
	if w.tap != nil {
		w.tap.early = w.tap.open
	}
	j.found = false
	j.out = w.fromServer(f)
	if reason != packet.None {
		w.odd(f, j, reason)
	} else {
		w.key(f, j)
		w.track(b, 0)
		w.schedule(b)
		w.rewrite(b)
	}
	w.largest = 0
	switch f.Verdict {
	case packet.Host:
		for i := range w.whole.Count() {
			data, iface := w.whole.Original(i)
			w.giveBack(&w.ifaces[iface], data)
		}
		w.add(hostCount+int(f.Reason), uint64(w.whole.Count()-1))
	case packet.Drop:
		w.add(dropCount+int(f.Reason), uint64(w.whole.Count()-1))
	}
}

// cut sends a rewritten packet in fragments of at most limit bytes.
func (w *Worker) cut(f *packet.Frame, hop *neigh.Hop, dst packet.Addr, limit uint16) {
	s, ok := fragment.Split(f.Bytes(), int(limit))
	if !ok {
		w.drop(f, packet.MTU)
		return
	}
	w.tapCause(f, TapPiece)
	for n := s.Next(w.frame[:]); n > 0; n = s.Next(w.frame[:]) {
		w.dispatch(w.frame[:n], hop, dst)
	}
	f.Verdict, f.Reason, f.Out = packet.Moved, packet.MTU, hop.Interface
}
