// Package control is what an operator can see and change of a director: its
// virtual services, real servers, connections and counts.
package control

import (
	"net/netip"
	"slices"
	"time"

	"director/packet"
	"director/service"
)

// Service is a virtual service as it is listed. Spec.Servers is empty: the
// servers follow in list order, the one added last first. Counted is what Stats
// would be if the estimator looked just now and nothing had ever been zeroed.
type Service struct {
	service.Spec
	Stats   Stats
	Counted Stats
	Rates   Rates
	Servers []Server
}

// Server is a real server of a service as it is listed. Persistent counts the
// templates that point to it. One that is Overloaded has reached its upper
// threshold and not yet come below its lower one. Way says why packets cannot get to
// it now; None if they can.
type Server struct {
	service.ServerSpec
	Active, Inactive, Persistent uint32
	Overloaded                   bool
	Stats                        Stats
	Counted                      Stats
	Rates                        Rates
	Way                          packet.Reason
}

// Usable reports whether a new connection may go to the server.
func (s *Server) Usable() bool { return s.Weight > 0 && !s.Overloaded }

// Usable reports whether a new connection would find a server.
func (s *Service) Usable() bool {
	return s.Scheduler != "none" && slices.ContainsFunc(s.Servers, func(r Server) bool { return r.Usable() })
}

// Stats counts connections, and packets and bytes (of IP) in both directions,
// as they were when the estimator looked last, since they were last zeroed.
type Stats struct {
	Conns, InPkts, OutPkts, InBytes, OutBytes uint64
}

// Rates is what Stats grows by per second.
type Rates struct {
	CPS, InPPS, OutPPS, InBPS, OutBPS uint64
}

// Connection is a connection, or a persistence template, as it is listed. Proto
// is 0 for the template of a firewall mark, whose mark then stands in Virtual
// as an address.
type Connection struct {
	Proto                   uint8
	Expires                 time.Duration
	State                   string
	Client, Virtual, Server netip.AddrPort
	Engine, EngineData      string // of a template that a persistence engine made
}
