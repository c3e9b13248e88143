package dataplane

import (
	"director/conntrack"
	"director/packet"
)

// batch is the frames in hand and the stages that they go through, each a loop over
// the batch in a file of its own:
//
//	classify.go → track.go, hit.go → schedule.go → rewrite.go → transmit.go
type batch struct {
	*step
	out       *output
	tracker   *tracker
	scheduler *scheduler
	forwarder *forwarder
	icmp      *icmpErrors
	ipsec     *ipsec

	jobs   [packet.BatchSize]job
	hashes [packet.BatchSize]uint64         // of the jobs, once more and close together
	hints  [packet.BatchSize]conntrack.Hint // of the jobs

	missed    bool // some packets have no connection
	rest      bool // some packets are not rewritten yet
	fragments bool // some frames are fragments, which wait for reassembly
	stay      int  // frames that track sends back by the interface they came in by
}

// run takes frames that were received on an interface through the stages. Each
// frame has a verdict afterwards.
func (b *batch) run(in *iface, rx *packet.Batch) {
	b.classify(in, rx)
	b.track(rx, in.index)
	b.schedule(rx)
	b.rewrite(rx)
	b.transmit(in, rx)
}
