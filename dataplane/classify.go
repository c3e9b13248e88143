package dataplane

import "director/packet"

// classify parses the frames and sorts them by their addresses: a packet to a
// virtual address is a client's, any other may be a real server's answer. What
// cannot belong to a connection is left to the kernel, who would have had it
// without us, unless it is for a virtual address and damaged. For the others
// it computes the hash of the client's side and touches the table's bucket, so
// that the batch's cache misses overlap.
func (w *Worker) classify(a *arm, b *packet.Batch) {
	mac := w.view.Hops.Arms()[a.index].MAC
	services := w.view.Services
	for i := range b.N {
		f, j := &b.Frames[i], &w.jobs[i]
		reason := packet.Parse(f)
		if f.L3 == 0 {
			w.leave(f, reason)
			continue
		}
		if packet.Eth(f.Bytes()).Dst() != mac {
			w.leave(f, packet.NotForUs)
			continue
		}
		j.out = !services.VIP(f.Dst)
		if reason != packet.None {
			w.refuse(f, j.out, reason)
			continue
		}
		if j.out {
			j.hash = w.shared.Conns.HashOut(&f.Flow)
		} else {
			j.hash = w.shared.Conns.HashIn(&f.Flow)
		}
		w.shared.Conns.Touch(j.hash)
	}
}

// refuse decides on a frame whose addresses are known and whose ports are not.
func (w *Worker) refuse(f *packet.Frame, out bool, reason packet.Reason) {
	if out || reason == packet.Protocol {
		w.leave(f, reason)
		return
	}
	w.drop(f, reason)
}
