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
// queues has. Worker i owns queue i of every interface that has one; on an interface with
// fewer queues it sends by way of worker i modulo their number. waiters holds
// what each worker sleeps on. The workers share s, whose View must be set
// before the first step; none runs yet.
func NewWorkers(s *Engine, ifaces []Interface, waiters []Waiter) ([]*Worker, error) {
	n := 0
	for i := range ifaces {
		n = max(n, len(ifaces[i].Queues))
		if len(ifaces[i].Queues) == 0 || len(ifaces[i].Hosts) != len(ifaces[i].Queues) {
			return nil, fmt.Errorf("interface %d: %d queues and %d ways back to the kernel",
				i, len(ifaces[i].Queues), len(ifaces[i].Hosts))
		}
	}
	if len(ifaces) == 0 || len(ifaces) > MaxInterfaces || len(waiters) != n {
		return nil, fmt.Errorf("%d interfaces and %d waiters for %d workers", len(ifaces), len(waiters), n)
	}
	workers := make([]*Worker, n)
	for id := range workers {
		workers[id] = &Worker{
			shared:   s,
			index:    id,
			ifaces:   make([]iface, len(ifaces)),
			ident:    s.ident + uint16(id*(1<<16)/n),
			waiter:   waiters[id],
			slowPath: slowPath{whole: fragment.NewDatagram()},
			sweep:    sweep{sweeper: s.conns.Sweeper(id, n), began: s.clock()},
		}
	}
	for i := range ifaces {
		queues := ifaces[i].Queues
		for id, w := range workers {
			a := &w.ifaces[i]
			a.index = uint8(i)
			if id < len(queues) {
				a.port, a.host = queues[id], ifaces[i].Hosts[id]
				continue
			}
			owner := workers[id%len(queues)]
			a.ring = &handoff{owner: owner}
			owner.ifaces[i].inbox = append(owner.ifaces[i].inbox, a.ring)
		}
	}
	return workers, nil
}
