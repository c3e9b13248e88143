package service

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"director/packet"
	"director/sched"
)

// Method is the forwarding method: how a packet reaches its real server.
type Method uint8

// The forwarding methods of LVS.
const (
	NAT    Method = iota // masquerading (-m): rewrites the destination; answers return through the director
	DR                   // gatewaying (-g): rewrites only the Ethernet destination
	TUN                  // tunnelling (-i): wraps the packet
	Bypass               // to no server: the packet keeps its destination; no rule can request it
)

var methodNames = [...]string{NAT: "nat", DR: "dr", TUN: "tun", Bypass: "bypass"}

func (m Method) String() string { return methodNames[m] }

// ParseMethod is the inverse of String. It accepts the methods that a rule can have.
func ParseMethod(name string) (Method, bool) {
	i := slices.Index(methodNames[:Bypass], name)
	return Method(max(i, 0)), i >= 0
}

// Methods returns the names of the methods that a rule can have.
func Methods() []string { return slices.Clone(methodNames[:Bypass]) }

// Key identifies a virtual service. It contains either a firewall mark and nothing
// else, or an address, a port and a protocol. Port 0 means every port that has no
// service of its own. Proto is packet.ProtoTCP, ProtoUDP or ProtoSCTP.
type Key struct {
	Addr  packet.Addr
	Port  uint16
	Proto uint8
	Mark  uint32
}

// ParseKey parses the name of a service, such as tcp:192.0.2.10:80 or fwmark:1. It checks
// the form only: Spec.Validate decides whether there can be such a service.
func ParseKey(name string) (Key, error) {
	kind, rest, _ := strings.Cut(name, ":")
	if kind == "fwmark" {
		mark, err := ParseMark(rest)
		if err != nil {
			return Key{}, fmt.Errorf("service %q: want fwmark: and a number from 1", name)
		}
		return Key{Mark: mark}, nil
	}
	proto, ok := packet.ParseProto(kind)
	if !ok {
		return Key{}, fmt.Errorf("service %q: want tcp:, udp: or sctp: and ADDRESS:PORT, or fwmark: and a number", name)
	}
	at, err := netip.ParseAddrPort(rest)
	if err == nil && !at.Addr().Is4() {
		err = errors.New("IPv6 is not supported by this version")
	}
	if err != nil {
		return Key{}, fmt.Errorf("service %q: %w", name, err)
	}
	return Key{Addr: packet.AddrFrom(at.Addr()), Port: at.Port(), Proto: proto}, nil
}

// Name returns the name of the service, which ParseKey parses.
func (k Key) Name() string {
	if k.Mark != 0 {
		return "fwmark:" + strconv.FormatUint(uint64(k.Mark), 10)
	}
	return packet.ProtoName(k.Proto) + ":" + netip.AddrPortFrom(k.Addr.Netip(), k.Port).String()
}

// Compare orders keys by address, port and protocol. Firewall marks come last.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Mark, o.Mark), cmp.Compare(k.Addr.Hi, o.Addr.Hi), cmp.Compare(k.Addr.Lo, o.Addr.Lo),
		cmp.Compare(k.Port, o.Port), cmp.Compare(k.Proto, o.Proto))
}

// Spec is a virtual service as the operator configured it. Servers are in the order
// in which they were added.
type Spec struct {
	Key
	Scheduler string      // a name that sched.New knows
	Flags     sched.Flags // of the scheduler

	Persistent uint32 // seconds for which a client stays with its server; 0: not persistent
	HostMask   uint32 // bits of a client's IPv4 address that persistence ignores; 0: none
	OnePacket  bool   // schedules each datagram separately (UDP)
	Engine     string // persistence engine: "" or "sip"

	Servers []ServerSpec // at most sched.MaxServers(Scheduler)
}

// SameAttributes reports whether s and o differ at most in their servers.
func (s *Spec) SameAttributes(o *Spec) bool {
	return s.Key == o.Key && s.Scheduler == o.Scheduler && s.Flags == o.Flags && s.Persistent == o.Persistent &&
		s.HostMask == o.HostMask && s.OnePacket == o.OnePacket && s.Engine == o.Engine
}

// Keys returns the keys of specs.
func Keys(specs []Spec) []Key {
	keys := make([]Key, len(specs))
	for i := range specs {
		keys[i] = specs[i].Key
	}
	return keys
}

// ServerSpec is a real server of a service as the operator configured it. Port equals
// the service's port unless the method is NAT or the service has a firewall mark.
type ServerSpec struct {
	Addr   packet.Addr
	Port   uint16
	Method Method
	Tunnel packet.Tunnel // if Method is TUN
	Weight int32         // 0: no new connections

	// Upper is the number of connections at which the server becomes overloaded and
	// gets no more; 0 means no limit. Lower is the number below which it gets new
	// connections again; 0 means three quarters of Upper.
	Upper, Lower uint32
}

// Mark defines which packets have a firewall mark: those to an address in Prefix and
// to a destination port in one of Ports. If several marks match a packet, the first
// applies.
type Mark struct {
	Mark   uint32 // not 0
	Proto  uint8
	Prefix netip.Prefix
	Ports  []PortRange // nil: every port
}

// ParseMark parses the number of a firewall mark.
func ParseMark(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("mark %q: want a number from 1 to %d", s, uint32(math.MaxUint32))
	}
	return uint32(n), nil
}

// PortRange is a range of ports that includes First and Last.
type PortRange struct{ First, Last uint16 }
