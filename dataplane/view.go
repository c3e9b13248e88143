package dataplane

import (
	"sync"
	"sync/atomic"
	"time"

	"director/conntrack"
	"director/dataplane/answer"
	"director/dataplane/fragment"
	"director/dataplane/sysctl"
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
	Sysctl   sysctl.Values
}

// Shared is what all workers of a director have in common.
type Shared struct {
	View  atomic.Pointer[View]
	Conns *conntrack.Table
	// Fragments is where parts of datagrams wait for the others.
	Fragments *fragment.Table
	// Limiter bounds the ICMP errors that the workers send.
	Limiter *answer.Limiter
	// Defence is what the table's filling up has led to.
	Defence Defence
	// Clock returns nanoseconds since some fixed moment; it is read once per
	// step and never goes back. One that stands still for some milliseconds
	// spares writing deadlines.
	Clock func() int64
	// Ident is where the workers' identifications of outer headers begin, each
	// worker's in another part of their range.
	Ident uint16
	// Resolver is asked for the MAC addresses that frames wait for.
	Resolver Resolver
	// Tap is the capture in progress, or nil.
	Tap atomic.Pointer[Tap]

	giant   *sync.Mutex // held for every step; nil: no such lock
	helpers helpers
}

// ShareOptions are what NewShared makes what the workers share of.
type ShareOptions struct {
	Conns    *conntrack.Table
	Clock    func() int64
	Resolver Resolver
	Ident    uint16
	// Seed hides which fragments meet; it should be random.
	Seed [2]uint64
	// ICMPRate and ICMPMask are those of answer.Limiter.
	ICMPRate time.Duration
	ICMPMask uint32
	// GiantLock has one worker at a time make a step, as Linux 2.2 let one CPU at
	// a time into its network stack: for measuring what that costs.
	GiantLock bool
}

// NewShared makes what the workers share. The View is still to be set.
func NewShared(o ShareOptions) *Shared {
	s := &Shared{
		Conns:     o.Conns,
		Fragments: fragment.New(fragment.Memory, o.Seed),
		Limiter:   new(answer.Limiter),
		Clock:     o.Clock,
		Ident:     o.Ident,
		Resolver:  o.Resolver,
	}
	s.Limiter.Set(o.ICMPRate, o.ICMPMask)
	if o.GiantLock {
		s.giant = new(sync.Mutex)
	}
	return s
}

// Settle takes a connection or template that ended off the counts of its server,
// and forgets what a helper remembered of it.
func (s *Shared) Settle(c *conntrack.Conn) {
	if c.Is(conntrack.Helper) {
		s.helpers.forget(c)
	}
	server := s.View.Load().Services.Server(c.Server())
	if c.Is(conntrack.Template) {
		server.Unref()
		return
	}
	server.Release(c.State().Active())
}

// Resolver finds out Ethernet addresses.
type Resolver interface {
	// Want asks for the address of a neighbour on an interface. It never blocks;
	// the answer comes as a new view.
	Want(neighbor packet.Addr, iface uint8)
}

// Waiter lets a worker sleep until there is something to do. Wake may be
// called from anywhere, Wait and Yield only by the worker.
type Waiter interface {
	// Wait returns when a port is readable, after Wake, or when nanoseconds
	// have passed.
	Wait(nanoseconds int64) error
	// Wake ends the Wait in progress or the next one.
	Wake()
	// Yield lets others run that want the worker's CPU, and returns at once if
	// nobody does.
	Yield()
}
