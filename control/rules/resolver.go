package rules

import "net/netip"

// Resolver turns names into numbers. It is asked only about words that are not
// numbers already.
type Resolver interface {
	// Host returns an IPv4 address of a host.
	Host(name string) (netip.Addr, error)
	// Port returns the port of a service over packet.ProtoTCP, ProtoUDP or
	// ProtoSCTP.
	Port(name string, proto uint8) (uint16, error)
}

// Namer turns numbers into names, for rules and listings without -n. An empty
// name means that there is none.
type Namer interface {
	HostName(netip.Addr) string
	PortName(port uint16, proto uint8) string
}
