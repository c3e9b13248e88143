package dataplane

import (
	"fmt"

	"director/dataplane/fragment"
)

// Interface is one interface of the director. It has at most one queue per worker, in
// the order of the workers, and for each of these workers the port that reinjects
// frames of the interface into the kernel.
type Interface struct {
	Queues []Port
	Hosts  []Port
	// Partial says that the queues can deliver frames with partial checksums: see
	// packet.Frame.MayBePartial. The workers then look for them.
	Partial bool
}

// NewWorkers makes the workers of a director. Their number is the highest number of
// queues of an interface. Worker i owns queue i of every interface that has this
// queue. On an interface with n queues and n <= i it sends through worker i modulo n.
// waiters contains the Waiter of each worker. NewWorkers does not start the workers.
// e.SetView must be called before their first step.
func NewWorkers(e *Engine, ifaces []Interface, waiters []Waiter) ([]*Worker, error) {
	n := 0
	for i := range ifaces {
		n = max(n, len(ifaces[i].Queues))
		if len(ifaces[i].Queues) == 0 || len(ifaces[i].Hosts) != len(ifaces[i].Queues) {
			return nil, fmt.Errorf("interface %d: %d queues and %d ports to reinject by",
				i, len(ifaces[i].Queues), len(ifaces[i].Hosts))
		}
	}
	if len(ifaces) > MaxInterfaces {
		return nil, fmt.Errorf("%d interfaces: want %d or fewer", len(ifaces), MaxInterfaces)
	}
	if n == 0 || len(waiters) != n {
		return nil, fmt.Errorf("%d waiters for %d workers", len(waiters), n)
	}
	workers := make([]*Worker, n)
	for id := range workers {
		workers[id] = newWorker(e, id, n, len(ifaces), waiters[id])
	}
	for i := range ifaces {
		queues := ifaces[i].Queues
		for id, w := range workers {
			in := &w.out.ifaces[i]
			in.index, in.partial, in.verified = uint8(i), ifaces[i].Partial, -verifyPeriod
			if id < len(queues) {
				in.port, in.host = queues[id], ifaces[i].Hosts[id]
				continue
			}
			owner := workers[id%len(queues)]
			in.ring = &handoff{owner: owner}
			owner.out.ifaces[i].inbox = append(owner.out.ifaces[i].inbox, in.ring)
		}
	}
	return workers, nil
}

// newWorker makes worker id of n and connects its parts.
func newWorker(e *Engine, id, n, ifaces int, waiter Waiter) *Worker {
	w := &Worker{waiter: waiter}
	s, out, tracker, forwarder, scheduler := &w.batch.step, &w.out, &w.tracker, &w.forwarder, &w.scheduler
	s.engine, s.index, s.sent = e, id, new(sentPackets)
	e.sent = append(e.sent, s.sent)
	out.step, out.ifaces, out.ident = s, make([]iface, ifaces), e.ident+uint16(id*(1<<16)/n)
	tracker.step, tracker.out = s, out
	forwarder.step, forwarder.out, forwarder.tracker = s, out, tracker
	scheduler.step, scheduler.out, scheduler.tracker = s, out, tracker
	w.icmp = icmpErrors{step: s, out: out, tracker: tracker, forwarder: forwarder, scheduler: scheduler}
	w.ipsec = ipsec{step: s, out: out, tracker: tracker, forwarder: forwarder}
	b := &w.batch
	b.out, b.tracker, b.scheduler, b.forwarder = out, tracker, scheduler, forwarder
	b.icmp, b.ipsec = &w.icmp, &w.ipsec
	w.capture = capture{step: s, batch: b, pending: &out.pending}
	w.reassembly.step, w.reassembly.out, w.reassembly.batch, w.reassembly.capture = s, out, b, &w.capture
	w.reassembly.datagram = fragment.NewDatagram()
	w.sweep.step, w.sweep.reassembly = s, &w.reassembly
	w.sweep.sweeper, w.sweep.began = e.conns.Sweeper(id, n), e.clock()
	return w
}
