// Package neigh answers, for one packet, "by which arm and with which Ethernet
// addresses does it leave?". It turns a snapshot of what the host knows (links,
// addresses, routes, neighbours) into an immutable Table that workers read
// without locks. Package neigh/rtnl takes such snapshots from the kernel.
package neigh

import (
	"net/netip"

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
// arm number, counting from 0 in the order of --interface; others have Arm -1.
type Link struct {
	Name  string
	Index int // the kernel's interface index
	Arm   int
	MAC   packet.MAC
	MTU   int // bytes of IP packet
	Up    bool
	Addrs []netip.Prefix
}

// Route is one unicast route. Gateway is invalid for an on-link destination.
type Route struct {
	Dst     netip.Prefix
	Gateway netip.Addr
	Link    int        // interface index
	Source  netip.Addr // preferred source, may be invalid
	MTU     int        // 0: the link's
	Metric  int        // of two routes to one prefix the lower wins
}

// Neighbor is a resolved neighbour. Unresolved ones are left out.
type Neighbor struct {
	IP   netip.Addr
	MAC  packet.MAC
	Link int // interface index
}

// Hop is how a packet leaves. A Hop whose Reason is not packet.None cannot be
// used, and says why.
type Hop struct {
	Dst, Src packet.MAC
	Reason   packet.Reason // None, NoRoute, Neighbor or LinkDown
	Arm      uint8
	MTU      uint16      // bytes of IP packet
	Source   packet.Addr // the address of ours that a tunnel's outer header carries
	Via      packet.Addr // whose MAC Dst is: the gateway or the destination itself
}
