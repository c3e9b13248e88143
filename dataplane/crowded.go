package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// What happens while the connection table is full, and for some time after:
// packets without an entry go where a hash of the client says, so that those of
// one connection go to one server all the same.

// crowded forwards the first packet of a connection for which there is no room.
func (w *Worker) crowded(f *packet.Frame, j *job, s *service.Service) {
	w.shared.defence.crowd()
	if choice, ok := w.spare(f, s); ok {
		w.pretend(f, j, s, choice)
		return
	}
	w.drop(f, packet.TableFull)
}

// adopt forwards a packet in the middle of a connection that may have found no
// room, and makes room for it if there is some now.
func (w *Worker) adopt(f *packet.Frame, j *job, s *service.Service) {
	choice, ok := w.spare(f, s)
	if !ok {
		w.refuse(f)
		return
	}
	r := w.describe(f, s, choice, w.port(f, choice))
	choice.Join(r.State.Active())
	if !w.enter(f, j, choice) {
		w.pretend(f, j, s, choice)
	}
}

// spare chooses the server that all packets of f's connection go to without an
// entry. A masquerading server's answers must be told without one, too.
func (w *Worker) spare(f *packet.Frame, s *service.Service) (service.Choice, bool) {
	choice, ok := s.Spare(&f.Flow, w.now)
	if !ok || choice.Method != service.NAT {
		return choice, ok
	}
	back := packet.Flow{Src: choice.Addr, SrcPort: w.port(f, choice), Proto: f.Proto}
	only := w.view.Services.Masqueraded(&back)
	return choice, only != nil && only.Sole && only.Of == s.Key
}

// port returns the port of a server that a packet goes to.
func (w *Worker) port(f *packet.Frame, to service.Choice) uint16 {
	if to.Port != 0 {
		return to.Port
	}
	return f.DstPort
}

// pretend forwards f as if it had a connection to the server.
func (w *Worker) pretend(f *packet.Frame, j *job, s *service.Service, to service.Choice) {
	r := w.describe(f, s, to, w.port(f, to))
	r.Kind = 0 // nothing can be remembered of it
	conntrack.Imagine(r, &j.conn)
	j.found = true
	w.know(to.ID)
	w.count(f, j)
	w.add(unnotedCount, 1)
}

// answersUnnoted forwards a real server's answer that has no connection, where
// it can only be one service's.
func (w *Worker) answersUnnoted(f *packet.Frame, j *job) bool {
	only := w.view.Services.Masqueraded(&f.Flow)
	if only == nil || !only.Sole || w.view.Hops.Local(f.Dst) {
		return false
	}
	w.record = conntrack.Record{
		Key:    conntrack.Key{Client: f.Dst, ClientPort: f.DstPort, Virtual: only.Of.Addr, VirtualPort: only.Of.Port, Proto: f.Proto},
		Target: conntrack.Target{Addr: f.Src, Port: f.SrcPort, Method: uint8(service.NAT), Server: only.Server},
	}
	conntrack.Imagine(&w.record, &j.conn)
	j.found = true
	w.count(f, j)
	w.add(unnotedCount, 1)
	return true
}
