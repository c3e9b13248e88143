package dataplane

import (
	"fmt"

	"director/dataplane/fragment"
)

// Interface is one interface of the director: its queues in order, one for each
// worker as far as they go, and for each of those workers the port that gives
// the interface's frames back to the kernel.
type Interface struct {
	Queues []Port
	Hosts  []Port
}

// NewWorkers makes the workers of a director: as many as the interface with the most
// queues has. Worker i owns queue i of every interface that has one. On an interface
// with fewer queues it sends by way of worker i modulo their number. waiters holds
// what each worker sleeps on. e.SetView must be called before the first step; no
// worker runs yet.
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
			in.index = uint8(i)
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

// newWorker makes worker id of n and gives each part of it those that it uses.
func newWorker(e *Engine, id, n, ifaces int, waiter Waiter) *Worker {
	w := &Worker{waiter: waiter}
	s, out, tracker, forwarder, scheduler := &w.step, &w.out, &w.tracker, &w.forwarder, &w.scheduler
	s.engine, s.index = e, id
	out.step, out.ifaces, out.ident = s, make([]iface, ifaces), e.ident+uint16(id*(1<<16)/n)
	tracker.step = s
	forwarder.step, forwarder.out, forwarder.tracker = s, out, tracker
	scheduler.step, scheduler.out, scheduler.tracker = s, out, tracker
	w.icmp = icmpErrors{step: s, out: out, tracker: tracker, forwarder: forwarder, scheduler: scheduler}
	w.ipsec = ipsec{step: s, out: out, tracker: tracker, forwarder: forwarder}
	b := &w.batch
	b.step, b.out, b.tracker, b.scheduler, b.forwarder = s, out, tracker, scheduler, forwarder
	b.icmp, b.ipsec = &w.icmp, &w.ipsec
	w.capture = capture{step: s, batch: b, pending: &out.pending}
	w.whole.step, w.whole.out, w.whole.batch, w.whole.capture = s, out, b, &w.capture
	w.whole.datagram = fragment.NewDatagram()
	w.sweep.step, w.sweep.whole = s, &w.whole
	w.sweep.sweeper, w.sweep.began = e.conns.Sweeper(id, n), e.clock()
	return w
}
