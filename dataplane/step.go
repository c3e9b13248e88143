package dataplane

import (
	"math/bits"

	"director/conntrack"
	"director/packet"
	"director/service"
)

// step is what all parts of a worker know of the step in progress, and what they
// count. A step is one round of the loop: a batch of each interface.
type step struct {
	engine  *Engine
	index   int // of the worker
	view    *View
	machine *conntrack.Machine
	now     int64   // on the engine's clock
	tap     *tapper // nil while there is no capture
	counters
	statistics
}

// begin takes up the newest view, reads the clock and looks for a capture.
func (s *step) begin() {
	s.refresh()
	s.now = s.engine.clock()
	s.tap = s.tapper()
}

// refresh takes up the newest view.
func (s *step) refresh() {
	s.view = s.engine.view.Load()
	s.machine = conntrack.MachineFor(s.engine.defence.secure.Load())
	s.grow(len(s.view.Services.Servers()))
}

// know takes up the newest view if this step's view does not have a real server,
// which was added since.
func (s *step) know(server uint32) {
	if s.view.Services.Server(server) == nil {
		s.refresh()
	}
}

// server returns the real server of a connection.
func (s *step) server(c *conntrack.Conn) *service.Server {
	return s.view.Services.Server(c.Server())
}

// countBatch counts a batch of n frames that an interface received.
func (s *step) countBatch(iface uint8, n int) {
	s.add(rxCount+int(iface), uint64(n))
	s.add(batchCount+bits.Len(uint(n-1)), 1)
}

// drop decides that a frame ends here.
func (s *step) drop(f *packet.Frame, reason packet.Reason) {
	f.Verdict, f.Reason = packet.Drop, reason
	s.add(dropCount+int(reason), 1)
}

// toHost decides that a frame is the kernel's. The frame must be as it was
// received.
func (s *step) toHost(f *packet.Frame, reason packet.Reason) {
	f.Verdict, f.Reason = packet.Host, reason
	s.add(hostCount+int(reason), 1)
}

// publish makes what the step counted visible to other goroutines.
func (s *step) publish() {
	s.counters.publish()
	s.publishTallies()
}
