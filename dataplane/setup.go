package dataplane

import (
	"fmt"

	"director/fragment"
)

// Arm is one interface of the director: its queues in order, one for each
// worker as far as they go, and for each of those workers the port that gives
// the interface's frames back to the kernel.
type Arm struct {
	Queues []Port
	Hosts  []Port
}

// NewWorkers makes the workers of a director: as many as the arm with the most
// queues has. Worker i owns queue i of every arm that has one; on an arm with
// fewer queues it sends by way of worker i modulo their number. waiters holds
// what each worker sleeps on. The workers share s, whose View must be set
// before the first step; none runs yet.
func NewWorkers(s *Shared, arms []Arm, waiters []Waiter) ([]*Worker, error) {
	n := 0
	for i := range arms {
		n = max(n, len(arms[i].Queues))
		if len(arms[i].Queues) == 0 || len(arms[i].Hosts) != len(arms[i].Queues) {
			return nil, fmt.Errorf("arm %d: %d queues and %d ways back to the kernel",
				i, len(arms[i].Queues), len(arms[i].Hosts))
		}
	}
	if len(arms) == 0 || len(arms) > MaxArms || len(waiters) != n {
		return nil, fmt.Errorf("%d arms and %d waiters for %d workers", len(arms), len(waiters), n)
	}
	workers := make([]*Worker, n)
	for id := range workers {
		workers[id] = &Worker{
			shared:   s,
			index:    id,
			arms:     make([]arm, len(arms)),
			ident:    s.Ident + uint16(id*(1<<16)/n),
			waiter:   waiters[id],
			slowPath: slowPath{whole: fragment.NewDatagram()},
			sweep:    sweep{sweeper: s.Conns.Sweeper(id, n), began: s.Clock()},
		}
	}
	for i := range arms {
		queues := arms[i].Queues
		for id, w := range workers {
			a := &w.arms[i]
			a.index = uint8(i)
			if id < len(queues) {
				a.port, a.host = queues[id], arms[i].Hosts[id]
				continue
			}
			owner := workers[id%len(queues)]
			a.ring = &handoff{owner: owner}
			owner.arms[i].inbox = append(owner.arms[i].inbox, a.ring)
		}
	}
	return workers, nil
}
