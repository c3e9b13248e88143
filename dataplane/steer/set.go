package steer

import (
	"net/netip"

	"director/packet"
)

// Endpoint is one end of balanced traffic. Port is in host order; 0 means every
// port. Proto is the protocol number of TCP, UDP or SCTP.
type Endpoint struct {
	Addr  packet.Addr
	Port  uint16
	Proto uint8
}

// Prefix is a part of a firewall mark, without its ports: userspace compares the
// ports and reinjects the frames that do not match. Prefix must be valid.
type Prefix struct {
	Prefix netip.Prefix
	Proto  uint8
}

// Set describes the director's frames. These are frames whose Ethernet destination
// is the address of the interface on which they arrived, and that
//
//   - go to a service, or
//   - come from a real server that answers through the director, to anywhere
//     but the host, or
//   - are ICMP errors about such a packet or about one of the director's tunnels.
//
// A VIP is the address of an endpoint in Services, or a prefix of one address. It
// belongs to the director even if the host has the same address. Any other address
// of the host that is inside a wider prefix still belongs to the host. So a prefix
// does not make the host unreachable.
type Set struct {
	Services []Endpoint
	Prefixes []Prefix
	// Reals are the real servers whose answers pass through the director (NAT), Tunnels
	// those that receive packets of tunnels: IPIP, GUE or GRE. Both may have duplicates.
	// If the order of the servers hardly changes from one set to the next, Update takes
	// less time. Update keeps the slices.
	Reals   []Endpoint
	Tunnels []packet.Addr

	Locals []packet.Addr      // all addresses of the host; VIPs may be missing
	MACs   map[int]packet.MAC // by interface index
}

// contents is a Set in the form of the maps.
type contents struct {
	services map[endpoint]present
	prefixes map[prefix]present
	locals   map[address]standing
	macs     map[uint32]mac
}

func (set *Set) contents() contents {
	c := contents{
		services: make(map[endpoint]present, 2*len(set.Services)),
		prefixes: make(map[prefix]present, len(set.Prefixes)),
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
	for i, m := range set.MACs {
		c.macs[uint32(i)] = macOf(m)
	}
	return c
}

// serve adds an endpoint of a service. Its address becomes a VIP.
func (c *contents) serve(e Endpoint) {
	for _, k := range e.keys() {
		c.services[k] = 1
	}
	c.locals[addressOf(e.Addr)] = vip
}

// keys returns the entry of e, and the entry of its (address, protocol) for fragments.
func (e Endpoint) keys() []endpoint {
	a := addressOf(e.Addr)
	return []endpoint{
		{Addr: a, Proto: e.Proto, Fragment: 1},
		{Addr: a, Proto: e.Proto, Port: [2]byte{byte(e.Port >> 8), byte(e.Port)}},
	}
}
