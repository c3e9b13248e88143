package service

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"

	"director/packet"
	"director/sched"
)

// Method is how a frame reaches its real server.
type Method uint8

// The forwarding methods of LVS.
const (
	NAT    Method = iota // masquerading (-m): destination rewritten, answers come back through us
	DR                   // gatewaying (-g): Ethernet destination rewritten, nothing else
	TUN                  // in a tunnel (-i)
	Bypass               // to no server: where the packet was going (no rule can ask for it)
)

var methodNames = [...]string{NAT: "nat", DR: "dr", TUN: "tun", Bypass: "bypass"}

func (m Method) String() string { return methodNames[m] }

// ParseMethod is the inverse of String for the methods that a rule can ask for.
func ParseMethod(name string) (Method, bool) {
	i := slices.Index(methodNames[:Bypass], name)
	return Method(max(i, 0)), i >= 0
}

// Methods returns the names of the methods that a rule can ask for.
func Methods() []string { return slices.Clone(methodNames[:Bypass]) }

// Key names a virtual service: by address, port and protocol, where port 0 is
// every port that has no service of its own; or by a firewall mark, with
// everything else zero. Proto is packet.ProtoTCP, ProtoUDP or ProtoSCTP.
type Key struct {
	Addr  packet.Addr
	Port  uint16
	Proto uint8
	Mark  uint32
}

// Spec is a virtual service as the operator asked for it. Servers stand in the
// order in which they were added.
type Spec struct {
	Key
	Scheduler string      // a name that sched.New knows
	Flags     sched.Flags // of the scheduler

	Persistent uint32 // seconds for which a client stays with its server; 0: none
	HostMask   uint32 // bits of a client's IPv4 address that do not tell it from its neighbours; 0: all count
	OnePacket  bool   // each datagram is scheduled on its own (UDP)
	Engine     string // persistence engine: "" or "sip"

	Servers []ServerSpec // at most sched.MaxServers of the scheduler
}

// ServerSpec is a real server of a service as the operator asked for it. Port
// equals the service's port unless the method is NAT or the service is a
// mark's.
type ServerSpec struct {
	Addr   packet.Addr
	Port   uint16
	Method Method
	Tunnel packet.Tunnel // of TUN
	Weight int32         // 0: no new connections

	// Upper is the number of connections at which the server gets no more, 0
	// for none; Lower the number below which it gets some again, 0 for three
	// quarters of Upper.
	Upper, Lower uint32
}

// Mark says which packets a firewall mark stands for: those to an address of
// Prefix with a destination port in one of Ports. Of several marks that fit a
// packet the first counts.
type Mark struct {
	Mark   uint32 // not 0
	Proto  uint8
	Prefix netip.Prefix
	Ports  []PortRange // nil: every port
}

// ParseMark reads the number of a firewall mark.
func ParseMark(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("mark %q: want a number from 1 to %d", s, uint32(math.MaxUint32))
	}
	return uint32(n), nil
}

// PortRange is the ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }
