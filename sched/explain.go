package sched

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"director/packet"
)

// Score returns the number by which the scheduler s compares servers. The server with the
// least number serves. It reports false if s does not compare numbers of servers.
func Score(s Scheduler, server *Server) (float64, bool) {
	weight := float64(server.Weight)
	switch s := s.(type) {
	case leastConnection:
		weight = 1
	case neverQueue:
		return Score(s.shortestDelay, server)
	case twoRandom, *localityLeastConnection, *localityReplicated:
		return Score(weightedLeastConnection{}, server)
	}
	c, ok := s.(interface{ cost(*Server) int64 })
	if !ok || weight == 0 {
		return 0, false
	}
	return float64(c.cost(server)) / weight, true
}

// Standing describes the state that a Pick with these arguments would use in addition to
// the servers: the place in the list, a hash, or the remembered servers. It is empty if
// there is no such state. It changes nothing.
func Standing(s Scheduler, flow *packet.Flow, servers Servers, pos *Position) string {
	switch s := s.(type) {
	case roundRobin:
		return place(servers, pos)
	case weightedRoundRobin:
		return fmt.Sprintf("%s, in the round of those that weigh at least %d", place(servers, pos), pos.cw)
	case destinationHash:
		return fmt.Sprintf("bucket %d", s.bucket(flow))
	case *sourceHash:
		return fmt.Sprintf("bucket %d", s.bucket(flow))
	case *maglev:
		return fmt.Sprintf("slot %d", s.bucket(flow))
	case *localityLeastConnection:
		if e := s.cache.find(flow.Dst); e != nil {
			return "remembered for " + flow.Dst.String() + ": " + names([]*Load{e.value}, servers)
		}
		return "nothing remembered for " + flow.Dst.String()
	case *localityReplicated:
		if e := s.cache.find(flow.Dst); e != nil {
			return "remembered for " + flow.Dst.String() + ": " + names(e.value.members, servers)
		}
		return "nothing remembered for " + flow.Dst.String()
	case twoRandom:
		return s.draws(servers, *pos)
	}
	return ""
}

// place describes the server at which a walk through the list begins.
func place(servers Servers, pos *Position) string {
	if i := int(pos.next); i < len(servers) {
		return "next is " + servers[i].String()
	}
	return "at the end of the list"
}

// draws describes the servers that will be drawn.
func (t twoRandom) draws(servers Servers, pos Position) string {
	total := weight(servers)
	if total == 0 {
		return ""
	}
	r := rand.New(&pos.random) // of a copy
	one, two := t.pair(servers, r, total)
	if one < 0 || two < 0 {
		return ""
	}
	return fmt.Sprintf("drawn are %v and %v", &servers[one], &servers[two])
}

// names lists remembered servers.
func names(loads []*Load, servers Servers) string {
	var list []string
	for _, l := range loads {
		if i, ok := l.find(servers); ok {
			list = append(list, servers[i].String())
		} else {
			list = append(list, "one that was removed")
		}
	}
	return strings.Join(list, ", ")
}

// String returns the server's address and port.
func (s *Server) String() string { return fmt.Sprintf("%v:%d", s.Addr, s.Port) }

// Usable reports whether the server gets new connections.
func (s *Server) Usable() bool { return s.usable() }
