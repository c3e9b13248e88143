package dataplane

import "director/packet"

// transmit moves the frames of a batch to where they leave: those for the interface
// they came in by stay in the batch, which its port sends; the others are
// copied to the interface they leave by, or back to the kernel.
func (w *Worker) transmit(a *iface, b *packet.Batch) {
	if w.stay == b.N {
		w.add(txCount+int(a.index), uint64(b.N))
		return
	}
	stay := uint64(0)
	for i := range b.N {
		f := &b.Frames[i]
		switch f.Verdict {
		case packet.Tx:
			if f.Out == a.index {
				stay++
			} else {
				f.Reason = w.cross(f.Bytes(), f.Out)
				f.Verdict = packet.Moved
			}
		case packet.Host:
			if !w.giveBack(a, f.Bytes()) {
				f.Verdict, f.Reason = packet.Drop, packet.TxFull
			}
		}
	}
	w.add(txCount+int(a.index), stay)
}

// cross sends the frame in data by an interface other than the one it came in by:
// through the worker's own queue there, or through the queue's owner. It returns
// why it could not, or packet.None.
func (w *Worker) cross(data []byte, out uint8) packet.Reason {
	a := &w.ifaces[out]
	if a.port == nil {
		if a.ring.push(data) {
			w.add(handoffCount, 1)
			return packet.None
		}
		w.add(dropCount+int(packet.HandoffFull), 1)
		return packet.HandoffFull
	}
	if a.tx.Full() {
		// A port that breaks here breaks again at the end of the step.
		_ = a.port.Flush(&a.tx)
	}
	if !copyInto(a.port, &a.tx, data) {
		w.add(dropCount+int(packet.TxFull), 1)
		return packet.TxFull
	}
	w.add(txCount+int(out), 1)
	return packet.None
}

// giveBack copies a frame to the port that returns it to the kernel. A frame
// that does not fit is lost to the kernel and counted as not sent; it reports
// false then.
func (w *Worker) giveBack(a *iface, frame []byte) bool {
	if a.back.Full() {
		_ = a.host.Flush(&a.back)
	}
	if !copyInto(a.host, &a.back, frame) {
		w.add(dropCount+int(packet.TxFull), 1)
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

// flush sends what the step gathered outside of received batches.
func (w *Worker) flush() error {
	for i := range w.ifaces {
		a := &w.ifaces[i]
		if a.tx.N > 0 {
			if err := a.port.Flush(&a.tx); err != nil {
				return err
			}
		}
		if a.back.N > 0 {
			if err := a.host.Flush(&a.back); err != nil {
				return err
			}
		}
		if a.ring != nil {
			a.ring.publish()
		}
	}
	return nil
}
