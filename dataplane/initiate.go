package dataplane

import (
	"director/conntrack"
	"director/packet"
	"director/service"
)

// notAClient decides on a packet that is not from a client and had no connection when
// the batch was tracked. It may be from a real server or from any other host.
func (x *scheduler) notAClient(f *packet.Frame, j *job) {
	switch {
	case j.found:
		if x.out.leaves(f) && x.tracker.keeps(f, j) {
			x.tracker.use(f, j)
		}
	case x.initiate(f, j):
	case x.engine.defence.crowded.Load() && x.answerUntracked(f, j):
	case x.view.Sysctl.NATICMPSend && x.view.Services.Answers(&f.Flow) && !closes(f):
		x.refuseServer(f)
	default:
		x.toHost(f, packet.NoConnection)
	}
}

// refuseServer tells a real server that its packet has no connection (nat_icmp_send). In the
// kernel the packet has passed ordinary forwarding then, unless it is for the director.
func (x *scheduler) refuseServer(f *packet.Frame) {
	if !x.view.Hops.Local(f.Dst) {
		if !x.out.leaves(f) {
			return
		}
		f.IP().Forward(0)
	}
	x.out.complain(f, x.out.here(f), packet.ICMPUnreachable, packet.CodePort, 0)
	x.drop(f, packet.NoConnection)
}

// initiate lets a masqueraded real server of a service with --pe sip begin a
// dialogue. A datagram without a connection begins one, and the client of the
// connection is the destination of the datagram. So the datagram leaves from the
// virtual address, and its answer is forwarded to the server (ip_vs_new_conn_out in
// ip_vs_core.c). The service must have one address and one port: not a firewall mark,
// and not port 0. initiate reports whether f has a connection now.
func (x *scheduler) initiate(f *packet.Frame, j *job) bool {
	from := x.view.Services.Masqueraded(&f.Flow)
	if f.Proto != packet.ProtoUDP || from == nil || from.Of.Port == 0 || x.view.Hops.Local(f.Dst) {
		return false
	}
	client := packet.Flow{
		Src: f.Dst, SrcPort: f.DstPort, Dst: from.Of.Addr, DstPort: from.Of.Port, Proto: f.Proto,
	}
	s := x.view.Services.Lookup(&client)
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
		return ok && x.connectOut(f, j, s, to, &client, nil)
	}
	data, ok := engineData(f, s)
	if !ok {
		return false
	}
	key := templateKey(&client, s)
	to, outcome := x.persistentChoice(opening{flow: &client}, s, &key, data, from)
	if outcome == conntrack.Full {
		if to.Server != nil {
			to.Release(false)
		}
		return false
	}
	return x.connectOut(f, j, s, to, &client, &x.tracker.template)
}

// connectOut makes the connection of client to a server, which already counts it. f
// is the first packet and comes from the server.
func (x *scheduler) connectOut(f *packet.Frame, j *job, s *service.Service, to service.Choice, client *packet.Flow, parent *conntrack.Conn) bool {
	x.tracker.record = conntrack.Record{
		Key:    conntrack.KeyOf(client),
		Target: conntrack.Target{Addr: f.Src, Port: f.SrcPort, Method: uint8(service.NAT), Server: to.ID},
		State:  conntrack.UDP, Mark: s.Mark, Order: x.now, Deadline: x.now + x.view.Timeouts[conntrack.UDP],
	}
	if parent != nil {
		x.tracker.record.Parent = parent.Ref()
	}
	if s.OnePacket {
		conntrack.Imagine(&x.tracker.record, &j.conn)
		to.Release(false)
		if parent != nil {
			x.engine.conns.Renew(parent, x.now)
			x.engine.conns.Vouch(parent)
		}
		x.tracker.unlisted(f, j, to.Server)
		return true
	}
	// If the client has a connection with another server, this one replaces it,
	// because the next packet of the client will be an answer to this server.
	switch x.tracker.admitOver(j, to.Server, byAll) {
	case conntrack.Existed:
		x.tracker.joins(f, j)
	case conntrack.Full:
		return false
	default:
		x.tracker.begun(f, j)
		x.tracker.observe(f, j)
	}
	return true
}
