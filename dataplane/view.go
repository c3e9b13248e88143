package dataplane

import (
	"sync/atomic"

	"director/conntrack"
	"director/neigh"
	"director/packet"
	"director/service"
)

// View is everything that the control plane tells the workers. It is
// immutable; a change is a new one.
type View struct {
	Services *service.Table
	Hops     *neigh.Table
	Timeouts conntrack.Timeouts
}

// Shared is what all workers of a director have in common.
type Shared struct {
	View  atomic.Pointer[View]
	Conns *conntrack.Table
	// Clock returns nanoseconds since some fixed moment; it is read once per
	// step and never goes back. One that stands still for some milliseconds
	// spares writing deadlines.
	Clock func() int64
	// Ident is where the workers' identifications of outer headers begin, each
	// worker's in another part of their range.
	Ident uint16
	// Resolver is asked for the MAC addresses that frames wait for.
	Resolver Resolver
}

// Resolver finds out Ethernet addresses.
type Resolver interface {
	// Want asks for the address of a neighbour on an arm. It never blocks;
	// the answer comes as a new view.
	Want(neighbor packet.Addr, arm uint8)
}

// Waiter lets a worker sleep until there is something to do. Wake may be
// called from anywhere, Wait only by the worker.
type Waiter interface {
	// Wait returns when a port is readable, after Wake, or when nanoseconds
	// have passed.
	Wait(nanoseconds int64) error
	// Wake ends the Wait in progress or the next one.
	Wake()
}
