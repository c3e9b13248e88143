package dataplane

import "director/packet"

// iface is one interface as one worker sees it.
type iface struct {
	index uint8

	partial  bool  // frames can have partial checksums
	verified int64 // when checksums were last verified, on the engine's clock

	// port is the worker's queue of the interface. It is nil if the worker has no
	// queue there, because there are more workers than queues. Frames then leave
	// through ring.
	port Port
	rx   packet.Batch // received on port
	tx   packet.Batch // allocated on port, for frames of other interfaces
	ring *handoff

	// inbox holds the rings of workers without a queue on this interface.
	inbox []*handoff

	// host reinjects frames of this interface into the kernel.
	host Port
	back packet.Batch // allocated on host
}

// cross sends the frame in data by another interface than its ingress interface,
// through the worker's own queue there or through the owner of a queue. It returns
// packet.None, or the reason why it could not send.
func (o *output) cross(data []byte, out uint8) packet.Reason {
	i := &o.ifaces[out]
	if i.port == nil {
		if i.ring.push(data) {
			o.add(handoffCount, 1)
			return packet.None
		}
		o.add(dropCount+int(packet.HandoffFull), 1)
		return packet.HandoffFull
	}
	if i.tx.Full() {
		// A port that fails here fails again at the end of the step.
		_ = i.port.Flush(&i.tx)
	}
	if !copyInto(i.port, &i.tx, data) {
		o.add(dropCount+int(packet.TxFull), 1)
		return packet.TxFull
	}
	o.add(txCount+int(out), 1)
	return packet.None
}

// reinject copies a frame to the port that reinjects it into the kernel. If there is
// no room, the frame is lost and counted as not sent, and reinject returns false.
func (o *output) reinject(in *iface, frame []byte) bool {
	if in.back.Full() {
		_ = in.host.Flush(&in.back)
	}
	if !copyInto(in.host, &in.back, frame) {
		o.add(dropCount+int(packet.TxFull), 1)
		return false
	}
	return true
}

// copyInto appends a copy of data to b as a frame of p, to be sent.
func copyInto(p Port, b *packet.Batch, data []byte) bool {
	if len(data) > packet.MaxFrame || !p.Alloc(b) {
		return false
	}
	f := &b.Frames[b.N-1]
	f.Len = int32(copy(f.Buf[f.Off:], data))
	f.Verdict = packet.Tx
	return true
}

// flush sends the frames that the step gathered outside of received batches.
func (o *output) flush() error {
	for n := range o.ifaces {
		i := &o.ifaces[n]
		if i.tx.N > 0 {
			if err := i.port.Flush(&i.tx); err != nil {
				return err
			}
		}
		if i.back.N > 0 {
			if err := i.host.Flush(&i.back); err != nil {
				return err
			}
		}
		if i.ring != nil {
			i.ring.publish()
		}
	}
	return nil
}

// inboxFilled reports whether another worker handed frames to this one. The worker
// calls it after it has set sleeping, so a frame that is published later wakes it.
func (o *output) inboxFilled() bool {
	for i := range o.ifaces {
		for _, h := range o.ifaces[i].inbox {
			if !h.empty() {
				return true
			}
		}
	}
	return false
}

// takeInboxes sends the frames that other workers handed over and returns their
// number.
func (o *output) takeInboxes() int {
	n := 0
	for i := range o.ifaces {
		for _, h := range o.ifaces[i].inbox {
			tail := h.tail.Load()
			for at := h.head.Load(); at != tail; at++ {
				s := &h.slots[at%handoffSlots]
				o.cross(s.data[:s.length], uint8(i))
				h.head.Store(at + 1)
				n++
			}
		}
	}
	return n
}
