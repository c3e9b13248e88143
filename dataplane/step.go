package dataplane

import (
	"math/bits"

	"director/conntrack"
	"director/packet"
	"director/service"
)

// step contains the state of the current step for all parts of a worker, and their
// counters. A step is one iteration of the worker's loop: one batch of each
// interface.
type step struct {
	engine  *Engine
	index   int // of the worker
	view    *View
	machine *conntrack.Machine
	now     int64 // on the engine's clock
	sent    *sentPackets
	tap     *tapper // nil while no capture runs
	counters
	statistics
}

// begin loads the newest view, reads the clock and checks whether a capture runs.
func (s *step) begin() {
	s.refresh()
	s.now = s.engine.clock()
	s.tap = s.tapper()
}

// refresh loads the newest view.
func (s *step) refresh() {
	s.view = s.engine.view.Load()
	s.machine = conntrack.MachineFor(s.engine.defence.secure.Load())
	s.grow(len(s.view.Services.Servers()))
}

// know loads the newest view if the view of this step does not contain a real server,
// which was then added after the step began.
func (s *step) know(server uint32) {
	if s.view.Services.Server(server) == nil {
		s.refresh()
	}
}

// server returns the real server of a connection.
func (s *step) server(c *conntrack.Conn) *service.Server {
	return s.view.Services.Server(c.Server())
}

// settle is Engine.Settle for a worker.
func (s *step) settle(c *conntrack.Conn) {
	s.know(c.Server())
	s.sign(c.Server()).crowds.Add(c, -1)
	s.engine.settle(c)
}

// countBatch counts a batch of n frames that an interface received.
func (s *step) countBatch(iface uint8, n int) {
	s.add(rxCount+int(iface), uint64(n))
	s.add(batchCount+bits.Len(uint(n-1)), 1)
}

// drop drops a frame.
func (s *step) drop(f *packet.Frame, reason packet.Reason) {
	f.Verdict, f.Reason = packet.Drop, reason
	s.add(dropCount+int(reason), 1)
}

// toHost leaves a frame to the kernel. The frame must be unchanged.
func (s *step) toHost(f *packet.Frame, reason packet.Reason) {
	f.Verdict, f.Reason = packet.Host, reason
	s.add(hostCount+int(reason), 1)
}

// publish makes the counts of the step visible to other goroutines.
func (s *step) publish() {
	s.counters.publish()
	s.publishTallies()
}
