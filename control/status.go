// Package control lists and changes the state of a running director: its virtual
// services, real servers, connections and counts.
package control

import (
	"net/netip"
	"slices"
	"time"

	"director/packet"
	"director/service"
)

// Service is a virtual service in a listing. Spec.Servers is empty. Servers contains the
// servers; the one that was added last comes first. Stats was updated by the last run of
// the estimator. Counted is up to date and is never reset. Health was updated by the last
// Compare; its Suspect says that at least half of the new connections fail.
type Service struct {
	service.Spec
	Stats   Stats
	Counted Stats
	Rates   Rates
	Health  service.Health
	Servers []Server
}

// Server is a real server of a service in a listing. Persistent is the number of
// templates that refer to it. Overloaded is set when the server reaches its upper
// threshold, and reset when it falls below its lower one. Way is the reason why packets
// cannot reach it now, or None if they can. Skipped is set while the schedulers pass over
// it for this reason. Signs is up to date; Health was updated by the last Compare.
type Server struct {
	service.ServerSpec
	Active, Inactive, Persistent uint32
	Overloaded                   bool
	Stats                        Stats
	Counted                      Stats
	Rates                        Rates
	Way                          packet.Reason
	Skipped                      bool
	Signs                        service.Signs
	Health                       service.Health
}

// Usable reports whether a new connection may go to the server.
func (s *Server) Usable() bool { return s.Weight > 0 && !s.Overloaded && !s.Skipped }

// Unreachable reports whether packets cannot reach the server now. Packets to an address of
// this host go to its kernel.
func (s *Server) Unreachable() bool { return s.Way != packet.None && s.Way != packet.LocalServer }

// Usable reports whether a new connection would find a server.
func (s *Service) Usable() bool {
	return s.Scheduler != "none" && slices.ContainsFunc(s.Servers, func(r Server) bool { return r.Usable() })
}

// Unreachable reports whether packets can reach none of the servers that have a weight, and
// there are such servers.
func (s *Service) Unreachable() bool {
	some := false
	for i := range s.Servers {
		r := &s.Servers[i]
		if r.Weight > 0 && !r.Unreachable() {
			return false
		}
		some = some || r.Weight > 0
	}
	return some
}

// Stats counts connections, and IP packets and bytes in both directions, since the last
// reset. The estimator updates them.
type Stats struct {
	Conns, InPkts, OutPkts, InBytes, OutBytes uint64
}

// Rates contains the growth of Stats per second.
type Rates struct {
	CPS, InPPS, OutPPS, InBPS, OutBPS uint64
}

// Connection is a connection or a persistence template in a listing. For the template of
// a firewall mark Proto is 0, and Virtual contains the mark in the form of an address.
type Connection struct {
	Proto                   uint8
	Expires                 time.Duration
	State                   string
	Client, Virtual, Server netip.AddrPort
	Engine, EngineData      string // set in a template of a persistence engine
}
