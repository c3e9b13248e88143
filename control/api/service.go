package api

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"director/control/rules"
	"director/packet"
	"director/sched"
	"director/service"
)

// Service is a virtual service. A field that is not given has the default of ipvsadm.
// Failing, Stats, Rates and the counts of its servers are only in answers.
type Service struct {
	Service    string   `json:"service"` // such as tcp:192.0.2.10:80, or fwmark:1
	Scheduler  string   `json:"scheduler,omitempty"`
	Flags      []string `json:"flags,omitempty"`      // flags of the scheduler, such as sh-port
	Persistent uint32   `json:"persistent,omitempty"` // seconds
	Netmask    string   `json:"netmask,omitempty"`    // persistence treats the clients of one such network as one client
	OnePacket  bool     `json:"one_packet,omitempty"`
	Engine     string   `json:"engine,omitempty"` // persistence engine: sip
	Servers    []Server `json:"servers,omitempty"`

	Failing bool   `json:"failing,omitempty"` // at least half of its new connections fail
	Stats   *Stats `json:"stats,omitempty"`
	Rates   *Rates `json:"rates,omitempty"`
}

// Server is a real server of a service.
type Server struct {
	Server string  `json:"server"`           // such as 10.0.0.11:8080; without a port it has the port of the service
	Method string  `json:"method,omitempty"` // nat, dr or tun; dr if not given
	Weight *int32  `json:"weight,omitempty"` // 1 if not given
	Upper  uint32  `json:"upper,omitempty"`  // at this number of connections it gets no new ones
	Lower  uint32  `json:"lower,omitempty"`  // below this number it gets new ones again
	Tunnel *Tunnel `json:"tunnel,omitempty"` // for tun; ipip if not given

	Overloaded  bool    `json:"overloaded,omitempty"`  // by its thresholds
	Unreachable string  `json:"unreachable,omitempty"` // why packets cannot get to it now
	Skipped     bool    `json:"skipped,omitempty"`     // it gets no new connections for this reason
	Suspect     bool    `json:"suspect,omitempty"`     // most of its new connections fail, unlike those of its peers
	Signs       *Signs  `json:"signs,omitempty"`
	Active      *uint32 `json:"active,omitempty"`
	Inactive    *uint32 `json:"inactive,omitempty"`
	Persistent  *uint32 `json:"persistent,omitempty"` // templates that refer to it
	Stats       *Stats  `json:"stats,omitempty"`
	Rates       *Rates  `json:"rates,omitempty"`
}

// Tunnel describes how packets are encapsulated for a real server.
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

// Signs counts what happened to the connections of a server that began half-open: with a
// SYN, or with an INIT of SCTP.
type Signs struct {
	Opened    uint64 `json:"opened"`
	Completed uint64 `json:"completed"`   // the client has sent more than that
	Refused   uint64 `json:"refused"`     // the server has reset them before
	Errors    uint64 `json:"icmp_errors"` // ICMP errors that say that a packet cannot reach the server
}

// Rates contains the growth of Stats per second.
type Rates Stats

// parsed reads an optional word. names lists the valid words, missing is the default.
func parsed[T any](what, word string, parse func(string) (T, bool), names []string, missing T) (T, error) {
	if word == "" {
		return missing, nil
	}
	v, ok := parse(word)
	if !ok {
		return v, fmt.Errorf("%s %q: want one of %s", what, word, strings.Join(names, ", "))
	}
	return v, nil
}

// Spec returns the specification of the service and its servers. It validates the service.
// It checks the servers only with checkServer.
func (s *Service) Spec() (service.Spec, error) {
	k, err := service.ParseKey(s.Service)
	if err != nil {
		return service.Spec{}, err
	}
	spec := service.Spec{
		Key: k, Scheduler: s.Scheduler, Persistent: s.Persistent, OnePacket: s.OnePacket, Engine: s.Engine,
	}
	if spec.Scheduler == "" {
		spec.Scheduler = sched.Default
	}
	if spec.Flags, err = rules.ParseFlags(s.Flags, spec.Scheduler); err != nil {
		return service.Spec{}, err
	}
	if s.Netmask != "" {
		mask, err := netip.ParseAddr(s.Netmask)
		if err != nil || !mask.Is4() {
			return service.Spec{}, fmt.Errorf("netmask %q: want an IPv4 netmask, such as 255.255.255.0", s.Netmask)
		}
		spec.HostMask = ^packet.AddrFrom(mask).V4()
	}
	if spec.Persistent == 0 {
		spec.HostMask = 0 // without persistence it has no meaning
	}
	if err := spec.Validate(); err != nil {
		return service.Spec{}, err
	}
	spec.Servers = slices.Grow(spec.Servers, len(s.Servers))
	for i := range s.Servers {
		server, err := s.Servers[i].Spec(k)
		if err != nil {
			return service.Spec{}, err
		}
		spec.Servers = append(spec.Servers, server)
	}
	return spec, nil
}

// Spec returns the specification of the server, which belongs to service k.
func (s *Server) Spec(k service.Key) (spec service.ServerSpec, err error) {
	if spec.Addr, spec.Port, err = PlaceOf(s.Server, k); err != nil {
		return spec, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("server %s: %w", s.Server, err)
		}
	}()
	m, err := parsed("method", s.Method, service.ParseMethod, service.Methods(), service.DR)
	if err != nil {
		return spec, err
	}
	spec.Method, spec.Weight, spec.Upper, spec.Lower = m, 1, s.Upper, s.Lower
	if s.Weight != nil {
		spec.Weight = *s.Weight
	}
	if k.Mark == 0 && spec.Port == 0 {
		spec.Port = k.Port
	}
	if t := s.Tunnel; t != nil {
		if spec.Method != service.TUN {
			return spec, errors.New("only the method tun takes a tunnel")
		}
		spec.Tunnel.Port = t.Port
		if spec.Tunnel.Encap, err = parsed("tunnel", t.Type, packet.ParseEncap, packet.Encaps(), packet.IPIP); err != nil {
			return spec, err
		}
		spec.Tunnel.Checksum, err = parsed("checksum", t.Checksum, packet.ParseTunnelChecksum, packet.TunnelChecksums(), packet.WithoutChecksum)
		if err != nil {
			return spec, err
		}
	}
	return spec, checkServer(&spec, k)
}

// checkServer returns an error if ipvsadm would refuse the server. It does not return
// errors of the kernel. The director finds them later: like the kernel it first looks for
// the service, and it answers with a different status.
func checkServer(spec *service.ServerSpec, k service.Key) error {
	err := spec.Validate(k)
	if e, ok := errors.AsType[*service.SpecError](err); ok && e.Err != nil {
		return nil
	}
	return err
}

// PlaceOf reads the address and port of a real server of service k. Without a port it
// returns the port of the service.
func PlaceOf(name string, k service.Key) (packet.Addr, uint16, error) {
	at, err := netip.ParseAddrPort(name)
	if err != nil {
		var a netip.Addr
		if a, err = netip.ParseAddr(name); err == nil {
			at = netip.AddrPortFrom(a, k.Port)
		}
	}
	if err == nil && !at.Addr().Is4() {
		err = errors.New("IPv6 is not supported by this version")
	}
	if err == nil {
		err = service.CheckUnicast(at.Addr())
	}
	if err != nil {
		return packet.Addr{}, 0, fmt.Errorf("server %q: %w", name, err)
	}
	return packet.AddrFrom(at.Addr()), at.Port(), nil
}

// ServiceOf converts a specification of a service into the form of a request.
func ServiceOf(spec *service.Spec) Service {
	s := Service{
		Service: spec.Name(), Scheduler: spec.Scheduler, Flags: rules.FlagNames(spec.Flags, spec.Scheduler),
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

// ServerOf converts a specification of a real server into the form of a request.
func ServerOf(spec *service.ServerSpec) Server {
	s := Server{
		Server: serverName(spec), Method: spec.Method.String(),
		Weight: &spec.Weight, Upper: spec.Upper, Lower: spec.Lower,
	}
	if spec.Method == service.TUN {
		s.Tunnel = &Tunnel{Type: spec.Tunnel.Encap.String(), Port: spec.Tunnel.Port}
		if spec.Tunnel.Encap != packet.IPIP {
			s.Tunnel.Checksum = spec.Tunnel.Checksum.String()
		}
	}
	return s
}
