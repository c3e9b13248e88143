package memport

import (
	"director/dataplane"
	"director/packet"
)

// Rig is the part of a director in memory that replaces its interfaces: the workers,
// and for each interface and worker a port and a port to the kernel.
type Rig struct {
	Workers []*dataplane.Worker
	Ports   [][]*Port // by interface, then by worker
	Hosts   [][]*Port // likewise: the frames that go to the kernel
}

// NewRig makes that number of workers, each with a port on every interface.
func NewRig(e *dataplane.Engine, interfaces, workers int) (*Rig, error) {
	r := &Rig{Ports: make([][]*Port, interfaces)}
	queues := make([][]dataplane.Port, interfaces)
	for i := range queues {
		for range workers {
			p := New()
			r.Ports[i], queues[i] = append(r.Ports[i], p), append(queues[i], p)
		}
	}
	var err error
	r.Workers, r.Hosts, err = Attach(e, queues)
	return r, err
}

// Attach makes workers for queues of any kind. queues are listed by interface. It
// returns the workers and their ports to the kernel. The number of workers is the
// highest number of queues of an interface.
func Attach(e *dataplane.Engine, queues [][]dataplane.Port) ([]*dataplane.Worker, [][]*Port, error) {
	hosts := make([][]*Port, len(queues))
	ifaces := make([]dataplane.Interface, len(queues))
	var waiters []dataplane.Waiter
	for i := range queues {
		ifaces[i].Queues = queues[i]
		for range queues[i] {
			h := New()
			hosts[i], ifaces[i].Hosts = append(hosts[i], h), append(ifaces[i].Hosts, h)
		}
		for len(waiters) < len(queues[i]) {
			waiters = append(waiters, NewWaiter())
		}
	}
	workers, err := dataplane.NewWorkers(e, ifaces, waiters)
	return workers, hosts, err
}

// Resolver is a dataplane.Resolver that resolves nothing and records the requested
// addresses. One goroutine may use it.
type Resolver struct{ Wanted []packet.Addr }

// Want records an address.
func (r *Resolver) Want(a packet.Addr, _ uint8) { r.Wanted = append(r.Wanted, a) }

// NoResolver is a dataplane.Resolver that does nothing. It is for rigs in which all
// neighbours are known.
type NoResolver struct{}

// Want does nothing.
func (NoResolver) Want(packet.Addr, uint8) {}
