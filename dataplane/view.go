package dataplane

import (
	"director/conntrack"
	"director/dataplane/sysctl"
	"director/neigh"
	"director/packet"
	"director/service"
)

// View contains all data that the control plane passes to the workers. It is
// immutable. A change makes a new view.
type View struct {
	Services *service.Table
	Hops     *neigh.Table
	Timeouts conntrack.Timeouts
	Sysctl   sysctl.Values
}

// FromServer reports whether a packet to dst can only be a real server's answer:
// dst is neither a virtual address nor in the prefix of a firewall mark.
func (v *View) FromServer(dst packet.Addr) bool {
	s := v.Services
	return !s.VIP(dst) && (!s.Marked(dst) || v.Hops.Local(dst))
}

// MayAnswer reports whether a packet to dst may be a real server's answer although
// dst is in the prefix of a firewall mark, because the prefix may contain clients,
// too.
func (v *View) MayAnswer(dst packet.Addr) bool {
	return v.Services.Marked(dst) && !v.Services.VIP(dst)
}

// badSource reports whether the address cannot be that of a client: this host's own,
// a virtual one, or one that never appears on the wire as a source (RFC 1122
// §3.2.1.3: 0/8, 127/8, and multicast, class E and broadcast from 224 on). The
// kernel would have dropped such a packet as a martian.
func (v *View) badSource(a packet.Addr) bool {
	top := a.V4() >> 24
	return top == 0 || top == 127 || top >= 224 || v.Services.VIP(a) || v.Hops.Local(a)
}

// Resolver resolves Ethernet addresses.
type Resolver interface {
	// Want requests the Ethernet address of a neighbour on an interface. It never
	// blocks. The result arrives in a new view.
	Want(neighbor packet.Addr, iface uint8)
}

// Waiter lets a worker sleep until there is work. Any goroutine may call Wake; only
// the worker calls Wait and Yield.
type Waiter interface {
	// Wait returns when a port is readable, after Wake, or when nanoseconds
	// have passed.
	Wait(nanoseconds int64) error
	// Wake ends the Wait in progress or the next one.
	Wake()
	// Yield lets other threads run that wait for the worker's CPU. It returns at once
	// if there are none.
	Yield()
}
