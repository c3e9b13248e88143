package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// initiate lets a masqueraded real server of a service with --pe sip begin a
// dialogue: a datagram that answers nobody makes a connection of which its
// destination is the client, so that it leaves from the virtual address and its
// answer finds the way back (ip_vs_new_conn_out in ip_vs_core.c). A firewall
// mark's service does not say which address that would be, nor one of every port
// which port. It reports whether f has a connection now.
func (w *Worker) initiate(f *packet.Frame, j *job) bool {
	from := w.view.Services.Masqueraded(&f.Flow)
	if f.Proto != packet.ProtoUDP || from == nil || from.Of.Port == 0 || w.view.Hops.Local(f.Dst) {
		return false
	}
	client := packet.Flow{
		Src: f.Dst, SrcPort: f.DstPort, Dst: from.Of.Addr, DstPort: from.Of.Port, Proto: f.Proto,
	}
	s := w.view.Services.Lookup(&client)
	if s == nil || s.Key != from.Of || s.Engine == "" {
		return false
	}
	if s.Persistent == 0 {
		s.Lock()
		to, ok := s.Member(from.Server)
		if ok {
			to.Bind(false)
		}
		s.Unlock()
		return ok && w.connectOut(f, j, s, to, &client, nil)
	}
	data, ok := engineData(f, s)
	if !ok {
		return false
	}
	key := templateKey(&client, s)
	to, outcome := w.remembered(f, s, &key, data, from)
	if outcome == conntrack.Full {
		if to.Server != nil {
			to.Release(false)
		}
		return false
	}
	return w.connectOut(f, j, s, to, &client, &w.template)
}

// connectOut makes the connection of client to a server that is counted already,
// of which f is the server's first packet.
func (w *Worker) connectOut(f *packet.Frame, j *job, s *service.Service, to service.Choice, client *packet.Flow, parent *conntrack.Conn) bool {
	w.record = conntrack.Record{
		Key:    conntrack.KeyOf(client),
		Target: conntrack.Target{Addr: f.Src, Port: f.SrcPort, Method: uint8(service.NAT), Server: to.ID},
		State:  conntrack.UDP, Mark: s.Mark, Order: w.now, Deadline: w.now + w.view.Timeouts[conntrack.UDP],
	}
	if parent != nil {
		w.record.Parent = parent.Ref()
	}
	if s.OnePacket {
		conntrack.Imagine(&w.record, &j.conn)
		to.Release(false)
		if parent != nil {
			w.shared.conns.Renew(parent, w.now)
			w.shared.conns.Assure(parent)
		}
		w.unlisted(f, j, to.Server)
		return true
	}
	// If the client has a connection with another server, this one replaces it: what
	// the client sends next is an answer to this server.
	switch w.admitOver(j, to.Server, byAll) {
	case conntrack.Existed:
		w.joins(f, j)
	case conntrack.Full:
		return false
	default:
		w.begun(f, j)
		w.observe(f, j)
	}
	return true
}
