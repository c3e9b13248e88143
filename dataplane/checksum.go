package dataplane

import "director/packet"

// verifyPeriod is the shortest time, in nanoseconds, between two batches of an interface
// whose transport checksums a worker verifies. Verifying a full batch of long packets takes
// about ten microseconds, so this is a thousandth of the worker's time at most. If traffic
// is sparse, every packet is verified, so an operator soon sees why no connection opens.
const verifyPeriod = 10_000_000

// checksums completes the partial checksums of a batch, if the interface can deliver
// some. It runs before anything else uses the transport headers, because rewriting updates
// checksums by the difference, and because the frame leaves the director, or goes back to
// the kernel, as a frame from the wire. It also counts the wrong checksums of some batches.
//
// A fragment never has a partial checksum (ip_do_fragment in net/ipv4/ip_output.c).
func (b *batch) checksums(in *iface, rx *packet.Batch) {
	verify := b.now-in.verified >= verifyPeriod
	if verify {
		in.verified = b.now
	}
	completed, wrong := uint64(0), uint64(0)
	for i := range rx.N {
		f := &rx.Frames[i]
		switch {
		case f.Verdict != packet.Pending: // only whole packets are pending here
		case in.partial && f.MayBePartial():
			if f.CompleteChecksum() {
				completed++
			}
		case verify && !f.ChecksumOK():
			wrong++
		}
	}
	b.add(completedCount+int(in.index), completed)
	b.add(wrongCount+int(in.index), wrong)
}
