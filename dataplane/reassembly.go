package dataplane

import (
	"director/dataplane/fragment"
	"director/packet"
)

// reassembly reassembles fragments. A complete datagram goes through the stages as
// one packet.
type reassembly struct {
	*step
	out      *output
	batch    *batch
	capture  *capture
	datagram *fragment.Datagram // the last complete datagram
	one      packet.Batch       // a batch with only that datagram
}

// reassemble adds the fragments of a batch from an interface to the table.
func (r *reassembly) reassemble(in *iface, rx *packet.Batch) {
	r.batch.fragments = false
	for i := range rx.N {
		f := &rx.Frames[i]
		if f.Verdict != packet.Moved || f.Reason != packet.Fragment {
			continue
		}
		o := r.engine.fragments.Add(f, in.index, r.now, r.datagram)
		r.add(dropCount+int(packet.Fragment), uint64(o.Dropped+o.Evicted+o.Expired))
		if o.Result == fragment.Complete {
			r.deliver(f.Tapped)
		}
		if r.tap != nil {
			r.capture.fragment(in, i, f, &r.one.Frames[0], o)
		}
	}
}

// deliver takes the datagram in r.datagram through the stages. tapped says whether a
// capture records the fragment that completed it.
func (r *reassembly) deliver(tapped bool) {
	b, j := &r.one, &r.batch.jobs[0]
	b.N = 1
	f := &b.Frames[0]
	*f = r.datagram.Frame
	r.out.largest = r.datagram.Largest
	reason := packet.ParseHeaders(f) // never plain, because it may leave in fragments
	f.Tapped = tapped
	if r.tap != nil {
		r.tap.early = r.tap.open
	}
	j.found = false
	r.batch.classifyPacket(f, j, reason)
	if reason == packet.None {
		r.batch.track(b, 0)
		r.batch.schedule(b)
		r.batch.rewrite(b)
	}
	r.out.largest = 0
	switch f.Verdict {
	case packet.Host:
		for i := range r.datagram.Count() {
			data, iface := r.datagram.Original(i)
			r.out.reinject(&r.out.ifaces[iface], data)
		}
		r.add(hostCount+int(f.Reason), uint64(r.datagram.Count()-1))
	case packet.Drop:
		r.add(dropCount+int(f.Reason), uint64(r.datagram.Count()-1))
	}
}

// expire drops the fragments of datagrams that were not complete in time.
func (r *reassembly) expire() {
	r.add(dropCount+int(packet.Fragment), uint64(r.engine.fragments.Expire(r.now)))
}
