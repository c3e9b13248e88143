package daemon

import (
	"director/dataplane/steer"
	"director/neigh"
	"director/packet"
	"director/service"
)

// ftp is the port of FTP's control connections. A service there also accepts data
// connections to other ports.
const ftp = packet.FTPPort

// rules is everything that decides which frames are the director's.
type rules struct {
	marks    []service.Mark
	services *service.Table // as the workers see it
	links    []neigh.Link
}

// set returns what the steering programs are to give to the director: packets to the
// services, the answers of masqueraded real servers and errors about tunnels, but
// nothing that is for the host itself.
func (r *rules) set() steer.Set {
	set := steer.Set{MACs: map[int]packet.MAC{}}
	marked, engines := map[uint32]bool{}, map[service.Key]bool{}
	for _, s := range r.services.Services() {
		e := steer.Endpoint{Addr: s.Addr, Port: s.Port, Proto: s.Proto}
		if s.Proto == packet.ProtoTCP && s.Port == ftp {
			e.Port = 0
		}
		if s.Mark != 0 {
			marked[s.Mark] = true
		} else {
			set.Services = append(set.Services, e)
		}
		if s.Engine != "" {
			engines[s.Key] = true
		}
	}
	// A service that was removed stays the director's as long as its servers may have
	// connections: the host would reset them.
	for _, server := range r.services.Servers() {
		if server != nil && server.Of.Proto != 0 && !r.services.Member(server.ID) {
			set.Services = append(set.Services, steer.Endpoint{Addr: server.Of.Addr, Port: server.Of.Port, Proto: server.Of.Proto})
		}
	}
	for _, m := range r.marks {
		if marked[m.Mark] {
			set.Prefixes = append(set.Prefixes, steer.Prefix{Prefix: m.Prefix, Proto: m.Proto})
		}
	}
	set.Reals = make([]steer.Endpoint, 0, len(r.services.Servers()))
	for _, server := range r.services.Servers() {
		if server != nil && server.Answers() {
			set.Reals = r.answers(set.Reals, server, len(engines) > 0 && engines[server.Of])
		}
		if server != nil && r.services.Tunnelled(server.ID) {
			set.Tunnels = append(set.Tunnels, server.Addr)
		}
	}
	for _, l := range r.links {
		if l.Interface >= 0 {
			set.MACs[l.Index] = l.MAC
		}
		for _, a := range l.Addrs {
			set.Locals = append(set.Locals, packet.AddrFrom(a.Addr()))
		}
	}
	return set
}

// answers adds the ends from which a masqueraded server answers to ends. These are all
// its ports if packets keep theirs, or if the server opens connections itself, as it does
// with a persistence engine.
func (r *rules) answers(ends []steer.Endpoint, server *service.Server, engine bool) []steer.Endpoint {
	of := server.Of
	e := steer.Endpoint{Addr: server.Addr, Port: server.Port, Proto: of.Proto}
	if of.Port == 0 || of.Port == ftp && of.Proto == packet.ProtoTCP || engine {
		e.Port = 0
	}
	if of.Mark == 0 {
		return append(ends, e)
	}
	for _, m := range r.marks {
		if m.Mark == of.Mark {
			ends = append(ends, steer.Endpoint{Addr: server.Addr, Proto: m.Proto})
		}
	}
	return ends
}
