// Package neigh answers, for one packet, "by which interface and with which Ethernet
// addresses does it leave?". It turns a snapshot of what the host knows (links,
// addresses, routes, neighbours) into an immutable Table that workers read
// without locks. Package neigh/rtnl takes such snapshots from the kernel.
package neigh

import (
	"net/netip"
	"sync/atomic"

	"director/packet"
)

// Snapshot is what the host knows at one moment. It is plain data: the kernel
// is one source of it, a description given on the command line another.
type Snapshot struct {
	Links     []Link
	Routes    []Route
	Neighbors []Neighbor
}

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
	Metric  int        // of two routes to one prefix the lower wins, then the first
}

// Neighbor is a resolved neighbour. Unresolved ones are left out.
type Neighbor struct {
	IP   netip.Addr
	MAC  packet.MAC
	Link int   // interface index
	Used *Mark // set by senders; nil if nobody reads it
}

// Hop is how a packet leaves. A Hop whose Reason is not packet.None cannot be
// used, and says why. Hops belong to their Table and are read-only, but for the
// mark behind Used.
type Hop struct {
	Dst, Src  packet.MAC
	Reason    packet.Reason // None, NoRoute, Neighbor, LinkDown, or LocalServer
	Interface uint8
	MTU       uint16      // bytes of IP packet
	Source    packet.Addr // the address of ours that a tunnel's outer header carries
	Via       packet.Addr // whose MAC Dst is: the gateway or the destination itself
	Used      *Mark       // nil when nobody asks
}

// Touch marks the neighbour as used, so that the owner of the neighbour table keeps it
// fresh. Any goroutine may call it. It stores only if the mark was taken since, so the
// cache line stays shared between the workers.
func (h *Hop) Touch() {
	if h.Used != nil && h.Used.v.Load() == 0 {
		h.Used.v.Store(1)
	}
}

// NextHop returns the address whose MAC is needed to reach dst by h. The Hop of an on-link
// destination that has no neighbour entry is shared by all of them: its Via is
// the zero Addr and stands for the destination itself.
func (h *Hop) NextHop(dst packet.Addr) packet.Addr {
	if h.Via.IsZero() {
		return dst
	}
	return h.Via
}

// Mark tells the owner of a neighbour entry that the entry is in use. One Mark
// lives as long as the entry and is shared by all tables made from it.
type Mark struct {
	v atomic.Uint32
}

// Take reports whether the entry was used since the last Take.
func (m *Mark) Take() bool { return m.v.Swap(0) != 0 }
