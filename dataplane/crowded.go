package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// While the connection table is full, and for some time after, packets without an
// entry are forwarded too. A hash of the client chooses the server, so all packets of
// a connection go to the same one.

// crowded forwards the first packet of a connection for which the table has no room.
func (x *scheduler) crowded(f *packet.Frame, j *job, s *service.Service) {
	x.engine.defence.crowd()
	if choice, ok := x.chooseByHash(f, s); ok {
		x.forwardUntracked(f, j, s, choice)
		return
	}
	x.drop(f, packet.TableFull)
}

// readmit forwards a packet from the middle of a connection for which there may have
// been no room, and gives the connection an entry if there is room now.
func (x *scheduler) readmit(f *packet.Frame, j *job, s *service.Service) {
	choice, ok := x.chooseByHash(f, s)
	if !ok {
		x.out.refuse(f)
		return
	}
	r := x.tracker.describe(f, s, choice, x.port(f, choice))
	choice.Join(r.State.Active())
	if !x.tracker.enter(f, j, choice) {
		x.forwardUntracked(f, j, s, choice)
	}
}

// chooseByHash chooses the server for all packets of f's connection. It reports false if
// there is none, or if the answers of a masqueraded server could not be recognized
// without an entry.
func (x *scheduler) chooseByHash(f *packet.Frame, s *service.Service) (service.Choice, bool) {
	choice, ok := s.Spare(&f.Flow, x.now)
	if !ok || choice.Method != service.NAT {
		return choice, ok
	}
	back := packet.Flow{Src: choice.Addr, SrcPort: x.port(f, choice), Proto: f.Proto}
	only := x.view.Services.Masqueraded(&back)
	return choice, only != nil && only.Sole && only.Of == s.Key
}

// port returns the server's port for a packet.
func (x *scheduler) port(f *packet.Frame, to service.Choice) uint16 {
	if to.Port != 0 {
		return to.Port
	}
	return f.DstPort
}

// forwardUntracked forwards f as if it had a connection to the server.
func (x *scheduler) forwardUntracked(f *packet.Frame, j *job, s *service.Service, to service.Choice) {
	r := x.tracker.describe(f, s, to, x.port(f, to))
	r.Kind = 0 // without an entry there is no state
	conntrack.Imagine(r, &j.conn)
	j.found = true
	x.know(to.ID)
	x.tracker.count(f, j)
	x.add(untrackedCount, 1)
}

// answerUntracked forwards a real server's answer that has no connection, if it can
// belong to one service only. It reports whether it did.
func (x *scheduler) answerUntracked(f *packet.Frame, j *job) bool {
	only := x.view.Services.Masqueraded(&f.Flow)
	if only == nil || !only.Sole || x.view.Hops.Local(f.Dst) {
		return false
	}
	x.tracker.record = conntrack.Record{
		Key:    conntrack.Key{Client: f.Dst, ClientPort: f.DstPort, Virtual: only.Of.Addr, VirtualPort: only.Of.Port, Proto: f.Proto},
		Target: conntrack.Target{Addr: f.Src, Port: f.SrcPort, Method: uint8(service.NAT), Server: only.Server},
	}
	conntrack.Imagine(&x.tracker.record, &j.conn)
	j.found = true
	x.tracker.count(f, j)
	x.add(untrackedCount, 1)
	return true
}
