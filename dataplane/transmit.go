package dataplane

import "director/packet"

// transmit passes the frames of a batch to the ports that send them. Frames that
// leave by their ingress interface stay in the batch, which its port sends. The
// others are copied to their egress interface, or to the port that reinjects them.
func (b *batch) transmit(in *iface, rx *packet.Batch) {
	if b.stay == rx.N {
		b.add(txCount+int(in.index), uint64(rx.N))
		return
	}
	stay := uint64(0)
	for i := range rx.N {
		f := &rx.Frames[i]
		switch f.Verdict {
		case packet.Tx:
			if f.Out == in.index {
				stay++
			} else {
				f.Reason = b.out.cross(f.Bytes(), f.Out)
				f.Verdict = packet.Moved
			}
		case packet.Host:
			if !b.out.reinject(in, f.Bytes()) {
				f.Verdict, f.Reason = packet.Drop, packet.TxFull
			}
		}
	}
	b.add(txCount+int(in.index), stay)
}
