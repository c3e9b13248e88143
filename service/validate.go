package service

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"director/packet"
	"director/sched"
)

// EngineSIP is the only persistence engine. It sends all datagrams of a SIP call to
// one server, by their Call-ID.
const EngineSIP = "sip"

// Field identifies the invalid part of a specification.
type Field uint8

// The fields, in the order in which Validate checks them.
const (
	FieldPort Field = iota
	FieldOnePacket
	FieldPersistence
	FieldFamily  // the address is not an IPv4 address
	FieldAddress // the address is not allowed for a service or a server
	FieldLoopback
	FieldScheduler
	FieldEngine
	FieldTunnel
	FieldTunnelPort
	FieldWeight
	FieldThreshold
)

// SpecError reports why a specification is invalid.
type SpecError struct {
	Field Field
	// Err is the error with which the kernel would refuse the specification. It is
	// nil if ipvsadm refuses it without calling the kernel.
	Err  error
	text string
}

func (e *SpecError) Error() string { return e.text }
func (e *SpecError) Unwrap() error { return e.Err }

func wrong(field Field, kernel error, format string, args ...any) error {
	return &SpecError{field, kernel, fmt.Sprintf(format, args...)}
}

// Validate returns an error if s is invalid by itself, independent of other services.
// It does not check the servers. The error is a *SpecError.
func (s *Spec) Validate() error {
	switch {
	case s.Mark == 0 && s.Port == 0 && s.Persistent == 0:
		return wrong(FieldPort, nil, "port 0 means all ports: only a persistent service can have it")
	case s.OnePacket && s.Mark == 0 && s.Proto != packet.ProtoUDP:
		return wrong(FieldOnePacket, nil, "one_packet is for UDP only")
	case s.Persistent > MaxSeconds:
		return wrong(FieldPersistence, nil, "persistent %d: want at most %d seconds", s.Persistent, MaxSeconds)
	}
	if s.Mark == 0 {
		if err := CheckUnicast(s.Addr.Netip()); err != nil {
			return err
		}
		if s.Addr.Netip().IsLoopback() {
			return wrong(FieldLoopback, nil, "no frame arrives for a loopback address: use one that clients can reach")
		}
	}
	switch names := sched.Names(); {
	case !slices.Contains(names, s.Scheduler):
		return wrong(FieldScheduler, nil, "scheduler %q: want one of %s", s.Scheduler, strings.Join(names, ", "))
	case s.Engine != "" && s.Engine != EngineSIP:
		return wrong(FieldEngine, nil, "engine %q: want %s", s.Engine, EngineSIP)
	}
	return nil
}

// Validate returns an error if s is invalid for a server of service k, independent of
// other servers. The error is a *SpecError.
func (s *ServerSpec) Validate(k Key) error {
	if k.Mark == 0 && s.Method != NAT && s.Port != k.Port {
		return wrong(FieldPort, nil, "the method %s does not change the port: give no port, or use the method nat", s.Method)
	}
	if err := CheckUnicast(s.Addr.Netip()); err != nil {
		return err
	}
	switch t := s.Tunnel; {
	case s.Method != TUN && t != packet.Tunnel{}:
		return wrong(FieldTunnel, nil, "only the method tun takes a tunnel")
	case !t.Encap.HasPort() && t.Port != 0:
		return wrong(FieldTunnel, nil, "tunnel %s: only gue has a port", t.Encap)
	case t.Checksum != packet.WithoutChecksum && !t.Encap.Allows(t.Checksum):
		return wrong(FieldTunnel, nil, "tunnel %s: the checksum %s is not possible", t.Encap, t.Checksum)
	case t.Encap.HasPort() && t.Port == 0:
		return wrong(FieldTunnelPort, ErrInvalid, "tunnel %s: the port is missing", t.Encap)
	case s.Weight < 0:
		return wrong(FieldWeight, ErrRange, "weight %d: must be 0 or more", s.Weight)
	case s.Lower > s.Upper:
		return wrong(FieldThreshold, ErrRange, "lower threshold %d must not be more than the upper one, %d", s.Lower, s.Upper)
	}
	return nil
}

// ErrIPv6 is the error for an IPv6 address. It is a *SpecError.
var ErrIPv6 = wrong(FieldFamily, nil, "IPv6 is not supported by this version")

// CheckUnicast returns an error if a is not an IPv4 unicast address. The error is a
// *SpecError.
func CheckUnicast(a netip.Addr) error {
	if !a.Is4() {
		return ErrIPv6
	}
	if packet.AddrFrom(a).Reserved() {
		return wrong(FieldAddress, nil, "%s is not a unicast address", a)
	}
	return nil
}
