// Package neigh finds the interface by which a packet leaves, and the Ethernet addresses
// that it needs. It builds an immutable Table from a Snapshot of the host's links,
// addresses, routes and neighbours. Workers read the Table without locks. Package
// neigh/rtnl takes snapshots from the kernel.
package neigh

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"director/packet"
)

// Snapshot describes the host's network at one moment. It is plain data. It comes from
// the kernel, or from a description on the command line.
type Snapshot struct {
	Links     []Link
	Routes    []Route
	Neighbors []Neighbor
	Silent    []Silent

	base *base // set by Keep; shared by the copies of the snapshot
}

// base is the table of a snapshot without servers, which is built once.
type base struct {
	once  sync.Once
	table *Table
}

// Keep makes New build most of the table of the snapshot and its copies only once. The
// snapshot must not change any more.
func (s *Snapshot) Keep() { s.base = new(base) }

// Link is one interface of the host. Links that carry balanced traffic have an
// interface number, counting from 0 in the order of --interface; others have Interface -1.
type Link struct {
	Name      string
	Index     int // the kernel's interface index
	Interface int
	MAC       packet.MAC
	MTU       int // bytes of IP packet
	Up        bool
	Addrs     []netip.Prefix
}

// Route is one unicast route. Gateway is invalid for an on-link destination.
type Route struct {
	Dst     netip.Prefix
	Gateway netip.Addr
	Link    int        // interface index
	Source  netip.Addr // preferred source, may be invalid
	MTU     int        // 0: the link's
	Metric  int        // of two routes to a prefix, the lower metric wins; if equal, the first route
}

// Neighbor is a neighbour whose MAC is known. A Snapshot contains no others.
type Neighbor struct {
	IP   netip.Addr
	MAC  packet.MAC
	Link int   // interface index
	Used *Mark // set by senders; nil if it is not needed
}

// Silent is a neighbour that does not answer requests for its MAC. A neighbour whose first
// request is still waiting for an answer is not silent.
type Silent struct {
	IP   netip.Addr
	Link int // interface index
}

// Hop describes how a packet leaves. If Reason is not packet.None, the Hop cannot be
// used, and Reason says why. Hops belong to their Table. They are read-only, except for
// the mark that Used points to.
type Hop struct {
	Dst, Src  packet.MAC
	Reason    packet.Reason // None, NoRoute, Neighbor, LinkDown, or LocalServer
	Interface uint8
	MTU       uint16      // bytes of IP packet
	Source    packet.Addr // the source address of a tunnel's outer header
	Via       packet.Addr // the address whose MAC is Dst: the gateway, or the destination itself
	Used      *Mark       // nil if it is not needed
}

// Touch marks the neighbour as used, so that the owner of the neighbour table keeps it
// fresh. Any goroutine may call it. It writes only if the mark is not set, so that the
// cache line stays shared between the workers.
func (h *Hop) Touch() {
	if h.Used != nil && h.Used.v.Load() == 0 {
		h.Used.v.Store(1)
	}
}

// NextHop returns the address whose MAC is needed to reach dst by h. All on-link
// destinations without a neighbour entry share one Hop. Its Via is the zero Addr, which
// stands for the destination itself.
func (h *Hop) NextHop(dst packet.Addr) packet.Addr {
	if h.Via.IsZero() {
		return dst
	}
	return h.Via
}

// Mark shows the owner of a neighbour entry that the entry is in use. A Mark exists as
// long as its entry. All tables that contain the entry share it.
type Mark struct {
	v atomic.Uint32
}

// Take reports whether the entry was used since the last Take.
func (m *Mark) Take() bool { return m.v.Swap(0) != 0 }
