package dataplane

import (
	"director/conntrack"
	"director/packet"
)

// batch contains the frames of the current batch and their stages. Each stage is a
// loop over the batch in its own file:
//
//	classify.go → checksum.go → track.go, hit.go → schedule.go → rewrite.go → transmit.go
type batch struct {
	step      // not a pointer: hits reach it at once
	out       *output
	tracker   *tracker
	scheduler *scheduler
	forwarder *forwarder
	icmp      *icmpErrors
	ipsec     *ipsec

	jobs   [packet.BatchSize]job
	hashes [packet.BatchSize]uint64         // the hashes of the jobs, close together for the cache
	hints  [packet.BatchSize]conntrack.Hint // of the jobs

	missed    bool // some packets have no connection
	rest      bool // some packets are not rewritten yet
	fragments bool // some frames are fragments, which wait for reassembly
	stay      int  // number of frames that track sends by their ingress interface
}

// run takes frames that were received on an interface through the stages. Each
// frame has a verdict afterwards.
func (b *batch) run(in *iface, rx *packet.Batch) {
	b.classify(in, rx)
	if in.partial || b.now-in.verified >= verifyPeriod {
		b.checksums(in, rx)
	}
	b.track(rx, in.index)
	b.schedule(rx)
	b.rewrite(rx)
	b.transmit(in, rx)
}
