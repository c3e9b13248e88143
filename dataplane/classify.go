package dataplane

import (
	"director/packet"
	"director/service"
)

// classify parses the frames and sorts them by their addresses: a packet to a
// virtual address is a client's, any other may be a real server's answer. What
// cannot belong to a connection is left to the kernel, who would have had it
// without us, unless it is for a virtual address and damaged. For the others
// it computes the hash of the client's side.
func (w *Worker) classify(a *iface, b *packet.Batch) {
	mac, conns := w.view.Hops.Interfaces()[a.index].MAC.Key(), w.shared.conns
	frames := b.Frames[:b.N]
	if w.shared.longWay {
		for i := range frames {
			w.classifyRest(&frames[i], &w.jobs[i], mac)
		}
		return // no frame is plain, so none asks for a hint
	}
	var dst packet.Addr // of the last frame, and what follows from it
	out := true
	for i := range frames {
		f, j := &frames[i], &w.jobs[i]
		if !packet.ParsePlain(f) || f.To != mac {
			w.classifyRest(f, j, mac)
			w.hashes[i] = j.hash
			continue
		}
		if f.Dst != dst {
			dst, out = f.Dst, w.fromServer(f)
		}
		j.retire, j.out = false, out
		client, port := f.Src, f.SrcPort
		if out {
			client, port = f.Dst, f.DstPort
		}
		j.hash = conns.Hash(client, port, f.Proto)
		w.hashes[i] = j.hash
	}
	conns.Seek(w.hashes[:len(frames)], w.hints[:])
}

// classifyRest is classify for a frame that is not plain or not for us.
func (w *Worker) classifyRest(f *packet.Frame, j *job, mac packet.MACKey) {
	reason := packet.ParseHeaders(f)
	switch {
	case f.L3 == 0:
		w.leave(f, reason)
	case f.To != mac:
		w.leave(f, packet.NotForUs)
	default:
		j.out = w.fromServer(f)
		if reason != packet.None {
			w.odd(f, j, reason)
		} else {
			w.key(f, j)
		}
	}
}

// key computes the hash of the client's side.
func (w *Worker) key(f *packet.Frame, j *job) {
	j.retire = false
	if j.out {
		j.hash = w.shared.conns.HashOut(&f.Flow)
	} else {
		j.hash = w.shared.conns.HashIn(&f.Flow)
	}
}

func (w *Worker) fromServer(f *packet.Frame) bool { return w.view.FromServer(f.Dst) }

// odd decides on a frame whose addresses are known and whose ports are not.
func (w *Worker) odd(f *packet.Frame, j *job, reason packet.Reason) {
	switch {
	case reason == packet.Fragment && (!j.out || w.view.Services.Masquerades(f.Src)):
		f.Verdict, f.Reason = packet.Moved, packet.Fragment
		w.fragments = true
	case reason == packet.Protocol && f.Proto == packet.ProtoICMP:
		w.icmp(f, j)
	case reason == packet.Protocol && (f.Proto == protoESP || f.Proto == protoAH):
		w.ride(f, j)
	case j.out || reason == packet.Protocol:
		w.leave(f, reason)
	default:
		w.drop(f, reason)
	}
}

// fresh reports whether a packet asks to begin a connection, whatever else it
// says: a SYN, or an INIT of SCTP.
func fresh(f *packet.Frame) bool {
	return f.TCPFlags&packet.SYN != 0 || f.Chunk == packet.ChunkInit && f.Proto == packet.ProtoSCTP
}

// masquerading reports whether j's connection is forwarded by NAT.
func masquerading(j *job) bool { return service.Method(j.conn.Method()) == service.NAT }
