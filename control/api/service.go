package api

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"director/control/ipvsadm"
	"director/packet"
	"director/sched"
	"director/service"
)

// Service is a virtual service. Of what is not given the defaults are ipvsadm's.
// Stats, Rates and the counts of its servers are in answers only.
type Service struct {
	Service    string   `json:"service"` // such as tcp:192.0.2.10:80, or fwmark:1
	Scheduler  string   `json:"scheduler,omitempty"`
	Flags      []string `json:"flags,omitempty"`      // of the scheduler, such as sh-port
	Persistent uint32   `json:"persistent,omitempty"` // seconds
	Netmask    string   `json:"netmask,omitempty"`    // which clients are one to the persistence
	OnePacket  bool     `json:"one_packet,omitempty"`
	Engine     string   `json:"engine,omitempty"` // of persistence: sip
	Servers    []Server `json:"servers,omitempty"`

	Stats *Stats `json:"stats,omitempty"`
	Rates *Rates `json:"rates,omitempty"`
}

// Server is a real server of a service.
type Server struct {
	Server string  `json:"server"`           // such as 10.0.0.11:8080; without a port it has the service's
	Method string  `json:"method,omitempty"` // nat, dr or tun; dr if not given
	Weight *int32  `json:"weight,omitempty"` // 1 if not given
	Upper  uint32  `json:"upper,omitempty"`  // connections at which it gets no more
	Lower  uint32  `json:"lower,omitempty"`  // below which it gets some again
	Tunnel *Tunnel `json:"tunnel,omitempty"` // of tun; ipip if not given

	Overloaded  bool    `json:"overloaded,omitempty"`  // by its thresholds
	Unreachable string  `json:"unreachable,omitempty"` // why packets cannot get to it now
	Active      *uint32 `json:"active,omitempty"`
	Inactive    *uint32 `json:"inactive,omitempty"`
	Persistent  *uint32 `json:"persistent,omitempty"` // templates that point to it
	Stats       *Stats  `json:"stats,omitempty"`
	Rates       *Rates  `json:"rates,omitempty"`
}

// Tunnel is how packets are wrapped for a real server.
type Tunnel struct {
	Type     string `json:"type"`               // ipip, gue or gre
	Port     uint16 `json:"port,omitempty"`     // of gue
	Checksum string `json:"checksum,omitempty"` // of gue and gre: none, full, or remote
}

// Stats counts connections, and packets and bytes of IP in both directions.
type Stats struct {
	Conns    uint64 `json:"connections"`
	InPkts   uint64 `json:"in_packets"`
	OutPkts  uint64 `json:"out_packets"`
	InBytes  uint64 `json:"in_bytes"`
	OutBytes uint64 `json:"out_bytes"`
}

// Rates is what Stats grows by per second.
type Rates Stats

var (
	methods   = [...]string{service.NAT: "nat", service.DR: "dr", service.TUN: "tun"}
	encaps    = [...]string{packet.IPIP: "ipip", packet.GUE: "gue", packet.GRE: "gre"}
	checksums = [...]string{packet.WithoutChecksum: "none", packet.WithChecksum: "full", packet.WithRemoteChecksum: "remote"}
	protocols = map[uint8]string{packet.ProtoTCP: "tcp", packet.ProtoUDP: "udp", packet.ProtoSCTP: "sctp"}
)

// index finds a word in a list of them, where the empty word means other.
func index(what, word string, words []string, other int) (int, error) {
	if word == "" {
		return other, nil
	}
	for i, w := range words {
		if w == word {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s %q: want one of %s", what, word, strings.Join(words, ", "))
}

// KeyOf reads the name of a service, such as tcp:192.0.2.10:80 or fwmark:1.
func KeyOf(name string) (service.Key, error) {
	kind, rest, _ := strings.Cut(name, ":")
	if kind == "fwmark" {
		mark, err := strconv.ParseUint(rest, 10, 32)
		if err != nil || mark == 0 {
			return service.Key{}, fmt.Errorf("service %q: want fwmark: and a number from 1", name)
		}
		return service.Key{Mark: uint32(mark)}, nil
	}
	for proto, p := range protocols {
		if p != kind {
			continue
		}
		at, err := netip.ParseAddrPort(rest)
		if err == nil && !at.Addr().Is4() {
			err = errors.New("only IPv4 so far")
		}
		if err != nil {
			return service.Key{}, fmt.Errorf("service %q: %w", name, err)
		}
		return service.Key{Addr: packet.AddrFrom(at.Addr()), Port: at.Port(), Proto: proto}, nil
	}
	return service.Key{}, fmt.Errorf("service %q: want tcp:, udp: or sctp: and ADDRESS:PORT, or fwmark: and a number", name)
}

// NameOf is the inverse of KeyOf.
func NameOf(k service.Key) string {
	if k.Mark != 0 {
		return "fwmark:" + strconv.FormatUint(uint64(k.Mark), 10)
	}
	return protocols[k.Proto] + ":" + netip.AddrPortFrom(k.Addr.Netip(), k.Port).String()
}

// Spec returns what the service asks for, checked as ipvsadm checks a command.
func (s *Service) Spec() (service.Spec, error) {
	k, err := KeyOf(s.Service)
	if err != nil {
		return service.Spec{}, err
	}
	spec := service.Spec{
		Key: k, Scheduler: s.Scheduler, Persistent: s.Persistent, OnePacket: s.OnePacket, Engine: s.Engine,
	}
	if spec.Scheduler == "" {
		spec.Scheduler = sched.Default
	}
	if spec.Flags, err = ipvsadm.ParseFlags(s.Flags, spec.Scheduler); err != nil {
		return service.Spec{}, err
	}
	if s.Netmask != "" {
		mask, err := netip.ParseAddr(s.Netmask)
		if err != nil || !mask.Is4() {
			return service.Spec{}, fmt.Errorf("netmask %q: want one of IPv4, such as 255.255.255.0", s.Netmask)
		}
		spec.HostMask = ^packet.AddrFrom(mask).V4()
	}
	if err := check(&spec); err != nil {
		return service.Spec{}, err
	}
	for i := range s.Servers {
		server, err := s.Servers[i].Spec(k)
		if err != nil {
			return service.Spec{}, err
		}
		spec.Servers = append(spec.Servers, server)
	}
	return spec, nil
}

// Spec returns what the server of service k asks for.
func (s *Server) Spec(k service.Key) (spec service.ServerSpec, err error) {
	if spec.Addr, spec.Port, err = PlaceOf(s.Server, k); err != nil {
		return spec, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("server %s: %w", s.Server, err)
		}
	}()
	m, err := index("method", s.Method, methods[:], int(service.DR))
	if err != nil {
		return spec, err
	}
	spec.Method, spec.Weight, spec.Upper, spec.Lower = service.Method(m), 1, s.Upper, s.Lower
	if s.Weight != nil {
		spec.Weight = *s.Weight
	}
	switch {
	case k.Mark == 0 && spec.Port == 0:
		spec.Port = k.Port
	case k.Mark == 0 && spec.Port != k.Port && spec.Method != service.NAT:
		// ipvsadm would take the service's port without a word.
		return spec, fmt.Errorf("by %s packets keep their port: leave it away, or use the method nat", methods[m])
	}
	if s.Tunnel == nil {
		return spec, nil
	}
	if spec.Method != service.TUN {
		return spec, errors.New("a tunnel is for the method tun")
	}
	e, err := index("tunnel", s.Tunnel.Type, encaps[:], int(packet.IPIP))
	if err != nil {
		return spec, err
	}
	c, err := index("checksum", s.Tunnel.Checksum, checksums[:], int(packet.WithoutChecksum))
	if err != nil {
		return spec, err
	}
	spec.Tunnel = packet.Tunnel{Encap: packet.Encap(e), Port: s.Tunnel.Port, Checksum: packet.TunnelChecksum(c)}
	return spec, checkTunnel(spec.Tunnel)
}

// checkTunnel refuses what a tunnel of its type does not have.
func checkTunnel(t packet.Tunnel) error {
	switch {
	case t.Encap != packet.GUE && t.Port != 0:
		return fmt.Errorf("tunnel %s: only gue has a port", encaps[t.Encap])
	case t.Encap == packet.IPIP && t.Checksum != packet.WithoutChecksum,
		t.Encap == packet.GRE && t.Checksum == packet.WithRemoteChecksum:
		return fmt.Errorf("tunnel %s: it has no checksum %s", encaps[t.Encap], checksums[t.Checksum])
	}
	return nil
}

// PlaceOf reads where a real server of service k is: ADDRESS:PORT, or ADDRESS with
// the service's port.
func PlaceOf(name string, k service.Key) (packet.Addr, uint16, error) {
	at, err := netip.ParseAddrPort(name)
	if err != nil {
		var a netip.Addr
		if a, err = netip.ParseAddr(name); err == nil {
			at = netip.AddrPortFrom(a, k.Port)
		}
	}
	if err == nil && !at.Addr().Is4() {
		err = errors.New("only IPv4 so far")
	}
	if err == nil {
		err = ipvsadm.CheckUnicast(at.Addr())
	}
	if err != nil {
		return packet.Addr{}, 0, fmt.Errorf("server %q: %w", name, err)
	}
	return packet.AddrFrom(at.Addr()), at.Port(), nil
}

// ServiceOf is a service as it is to be.
func ServiceOf(spec *service.Spec) Service {
	s := Service{
		Service: NameOf(spec.Key), Scheduler: spec.Scheduler, Flags: ipvsadm.FlagNames(spec.Flags, spec.Scheduler),
		Persistent: spec.Persistent, OnePacket: spec.OnePacket, Engine: spec.Engine,
	}
	if spec.HostMask != 0 {
		s.Netmask = packet.AddrFrom4(^spec.HostMask).String()
	}
	for i := range spec.Servers {
		s.Servers = append(s.Servers, ServerOf(&spec.Servers[i]))
	}
	return s
}

func serverName(spec *service.ServerSpec) string {
	return netip.AddrPortFrom(spec.Addr.Netip(), spec.Port).String()
}

// ServerOf is a real server as it is to be.
func ServerOf(spec *service.ServerSpec) Server {
	s := Server{
		Server: serverName(spec), Method: methods[spec.Method],
		Weight: &spec.Weight, Upper: spec.Upper, Lower: spec.Lower,
	}
	if spec.Method == service.TUN {
		s.Tunnel = &Tunnel{Type: encaps[spec.Tunnel.Encap], Port: spec.Tunnel.Port}
		if spec.Tunnel.Encap != packet.IPIP {
			s.Tunnel.Checksum = checksums[spec.Tunnel.Checksum]
		}
	}
	return s
}
