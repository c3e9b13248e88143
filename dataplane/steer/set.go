package steer

import (
	"net/netip"

	"director/packet"
)

// Endpoint is one end of balanced traffic. Port is in host order; 0 stands for
// every port. Proto is the number of TCP, UDP or SCTP.
type Endpoint struct {
	Addr  packet.Addr
	Port  uint16
	Proto uint8
}

// Prefix is what a firewall mark consists of, its ports left out: userspace
// tells them apart and gives back the rest. Prefix must be valid.
type Prefix struct {
	Prefix netip.Prefix
	Proto  uint8
}

// Set says which frames are the director's: those whose Ethernet destination
// is the address of the interface they arrived on, and that
//
//   - go to a service, or
//   - come from a real server that answers through the director, to anywhere
//     but the host, or
//   - are ICMP errors that answer to either, or to one of our tunnels.
//
// A VIP is the address of an endpoint in Services or a prefix of one address:
// what is named by itself is the director's, whoever else holds it. Another
// address of the host that lies in a wider prefix stays the host's, so that a
// prefix does not cut off the way to the host itself.
type Set struct {
	Services []Endpoint
	Prefixes []Prefix
	Reals    []Endpoint         // real servers that answer through the director (NAT)
	Tunnels  []packet.Addr      // real servers that are sent tunnels' packets: IPIP, GUE or GRE
	Locals   []packet.Addr      // every address of the host; VIPs may be missing
	MACs     map[int]packet.MAC // by interface index
}

// contents is a Set as the maps hold it.
type contents struct {
	services map[endpoint]present
	prefixes map[prefix]present
	reals    map[endpoint]present
	tunnels  map[address]present
	locals   map[address]standing
	macs     map[uint32]mac
}

func (set *Set) contents() contents {
	c := contents{
		services: make(map[endpoint]present, 2*len(set.Services)),
		prefixes: make(map[prefix]present, len(set.Prefixes)),
		reals:    make(map[endpoint]present, 2*len(set.Reals)),
		tunnels:  make(map[address]present, len(set.Tunnels)),
		locals:   make(map[address]standing, len(set.Locals)),
		macs:     make(map[uint32]mac, len(set.MACs)),
	}
	for _, a := range set.Locals {
		c.locals[addressOf(a)] = host
	}
	for _, e := range set.Services {
		c.serve(e)
	}
	for _, p := range set.Prefixes {
		if p.Prefix.IsSingleIP() {
			c.serve(Endpoint{Addr: packet.AddrFrom(p.Prefix.Addr()), Proto: p.Proto})
		} else {
			c.prefixes[prefixOf(p)] = 1
		}
	}
	for _, e := range set.Reals {
		insert(c.reals, e)
	}
	for _, a := range set.Tunnels {
		c.tunnels[addressOf(a)] = 1
	}
	for i, m := range set.MACs {
		c.macs[uint32(i)] = macOf(m)
	}
	return c
}

// serve adds an endpoint of a service, whose address is a VIP thereby.
func (c *contents) serve(e Endpoint) {
	insert(c.services, e)
	c.locals[addressOf(e.Addr)] = vip
}

// insert adds e, and (address, protocol) once more for its fragments.
func insert(to map[endpoint]present, e Endpoint) {
	k := endpoint{Addr: addressOf(e.Addr), Proto: e.Proto, Fragment: 1}
	to[k] = 1
	k.Fragment = 0
	k.Port = [2]byte{byte(e.Port >> 8), byte(e.Port)}
	to[k] = 1
}
