package dataplane

import "director/packet"

// classify parses the frames and sorts them by their addresses. A packet to a
// virtual address is a client's; any other may be a real server's answer. For both
// it computes the hash of the client's side. A packet that cannot belong to a
// connection goes to the kernel, as it would without the director; one that is for a
// virtual address and damaged is dropped.
func (b *batch) classify(in *iface, rx *packet.Batch) {
	s, conns := &b.step, b.engine.conns
	mac := s.view.Hops.Interfaces()[in.index].MAC.Key()
	frames := rx.Frames[:rx.N]
	if b.engine.longWay {
		for i := range frames {
			b.classifyRest(&frames[i], &b.jobs[i], mac)
		}
		return // no frame is plain, so none needs a hint
	}
	var dst packet.Addr // destination of the last frame, and whether that frame is an answer
	out := true
	for i := range frames {
		f, j := &frames[i], &b.jobs[i]
		if !packet.ParsePlain(f) || f.To != mac {
			b.classifyRest(f, j, mac)
			b.hashes[i] = j.hash
			continue
		}
		if f.Dst != dst {
			dst, out = f.Dst, s.view.FromServer(f.Dst)
		}
		j.replaces, j.out = false, out
		client, port := f.Src, f.SrcPort
		if out {
			client, port = f.Dst, f.DstPort
		}
		j.hash = conns.Hash(client, port, f.Proto)
		b.hashes[i] = j.hash
	}
	conns.Seek(b.hashes[:len(frames)], b.hints[:])
}

// classifyRest is classify for a frame that is not plain or has another Ethernet
// destination.
func (b *batch) classifyRest(f *packet.Frame, j *job, mac packet.MACKey) {
	reason := packet.ParseHeaders(f)
	switch {
	case f.L3 == 0:
		b.toHost(f, reason)
	case f.To != mac:
		b.toHost(f, packet.NotForUs)
	default:
		b.classifyPacket(f, j, reason)
	}
}

// classifyPacket is classify for a packet to the director's Ethernet address. reason is
// the result of the parser.
func (b *batch) classifyPacket(f *packet.Frame, j *job, reason packet.Reason) {
	j.out = b.view.FromServer(f.Dst)
	if reason == packet.None {
		b.tracker.hash(f, j)
		return
	}
	b.classifyOdd(f, j, reason)
}

// classifyOdd decides on a frame with known addresses and unknown ports.
func (b *batch) classifyOdd(f *packet.Frame, j *job, reason packet.Reason) {
	switch {
	case reason == packet.Fragment && (!j.out || b.view.Services.Masquerades(f.Src)):
		f.Verdict, f.Reason = packet.Moved, packet.Fragment
		b.fragments = true
	case reason == packet.Protocol && f.Proto == packet.ProtoICMP:
		b.icmp.handle(f, j)
	case reason == packet.Protocol && (f.Proto == protoESP || f.Proto == protoAH):
		b.ipsec.handle(f, j)
	case j.out || reason == packet.Protocol:
		b.toHost(f, reason)
	default:
		b.drop(f, reason)
	}
}
