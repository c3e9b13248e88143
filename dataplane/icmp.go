package dataplane

import (
	"director/conntrack"
	"director/nat"
	"director/packet"
	"director/service"
)

const (
	// scheduledByError is how long a connection lives that an ICMP error began,
	// in nanoseconds: no packet of its own has led it into a state
	// (ip_vs_conn_new in ip_vs_conn.c).
	scheduledByError = 3 * second
	// minPathMTU is the least that a router's word on a path's MTU is believed
	// (min_pmtu of net/ipv4/route.c).
	minPathMTU = 552
)

// icmp decides on an ICMP packet. Errors about the packets of a connection go
// where those would have gone (ip_vs_in_icmp, ip_vs_out_icmp); everything else
// is the kernel's, ping to a virtual address with it.
func (w *Worker) icmp(f *packet.Frame, j *job) {
	q := &w.quote
	var handled bool
	switch {
	case !packet.ParseQuote(f, q) || q.Later:
	case q.Outer.L3 != 0:
		handled = w.tunnelError(f, j, q)
	case w.gueError(f, j, q):
		handled = true
	case j.out:
		handled = w.serverError(f, j, q)
	default:
		handled = w.mayAnswer(f) && w.serverError(f, j, q) || w.clientError(f, j, q)
	}
	if !handled {
		w.leave(f, packet.Protocol)
	}
}

// sound drops an ICMP error whose checksum is wrong.
func (w *Worker) sound(f *packet.Frame) bool {
	if f.ICMP().ChecksumOK() {
		return true
	}
	w.drop(f, packet.BadChecksum)
	return false
}

// clientError sends an error about a real server's answer, from the client or
// the way to it, to the server.
func (w *Worker) clientError(f *packet.Frame, j *job, q *packet.Quote) bool {
	flow := &w.flow
	*flow = q.Reverse()
	hash := w.shared.conns.HashIn(flow)
	if !w.shared.conns.FindIn(hash, flow, &j.conn) {
		if !w.view.Sysctl.ScheduleICMP || !w.scheduleError(f, j, flow, hash) {
			return false
		}
	}
	if !w.sound(f) {
		return true
	}
	if w.countError(f, j) {
		w.forwardError(f, j, q)
	}
	return true
}

// countError counts an error for its connection's server, unless that was
// removed.
func (w *Worker) countError(f *packet.Frame, j *job) bool {
	id := j.conn.Server()
	w.know(id)
	if !j.out && !w.view.Services.Member(id) && !w.view.Sysctl.ExpireNodestConn {
		w.drop(f, packet.ServerRemoved)
		return false
	}
	w.count(f, j)
	return true
}

// forwardError forwards an error to the real server as its connection's packets
// are forwarded.
func (w *Worker) forwardError(f *packet.Frame, j *job, q *packet.Quote) {
	if !masquerading(j) {
		w.toServer(f, j)
		return
	}
	hop := w.view.Hops.Server(j.conn.Server())
	if w.usable(f, hop) && w.fits(f, hop.MTU) {
		addr, port := j.conn.Target()
		nat.ErrorToServer(f, q, addr, port)
		w.send(f, hop, addr, hop.MTU)
	}
}

// serverError sends an error about a client's packet, from a masquerading real
// server or the way to it, to the client.
func (w *Worker) serverError(f *packet.Frame, j *job, q *packet.Quote) bool {
	flow := q.Reverse()
	if !w.shared.conns.FindOut(w.shared.conns.HashOut(&flow), &flow, &j.conn) {
		return false
	}
	j.out = true
	if !w.sound(f) || !w.countError(f, j) {
		return true
	}
	hop := w.view.Hops.Route(f.Dst)
	if w.usable(f, hop) && w.fits(f, hop.MTU) {
		addr, port := j.conn.Virtual()
		nat.ErrorToClient(f, q, addr, port)
		w.send(f, hop, f.Dst, hop.MTU)
	}
	return true
}

// gueError is tunnelError for an error about a datagram of UDP that may be one of
// our own, of GUE.
func (w *Worker) gueError(f *packet.Frame, j *job, q *packet.Quote) bool {
	inside := *q
	return packet.ParseGUE(f, &inside) && !inside.Later && w.tunnelError(f, j, &inside)
}

// tunnelError relays an error about one of our own tunnel packets to the client
// whose packet was inside, and learns how wide the tunnel's path is.
func (w *Worker) tunnelError(f *packet.Frame, j *job, q *packet.Quote) bool {
	if !w.view.Hops.Local(f.Dst) || !w.shared.conns.FindIn(w.shared.conns.HashIn(&q.Flow), &q.Flow, &j.conn) {
		return false
	}
	server := w.server(&j.conn)
	if service.Method(j.conn.Method()) != service.TUN || server == nil ||
		server.Addr != q.Outer.Dst || !q.Outer.Fits(server.Tunnel()) {
		return false
	}
	if !w.sound(f) {
		return true
	}
	typ, code, mtu := f.ICMP().Type(), f.ICMP().Code(), uint16(0)
	tell := true
	if typ == packet.ICMPUnreachable && code == packet.CodeFragNeeded {
		mtu = max(f.ICMP().MTU(), minPathMTU)
		server.Path.Learn(mtu, w.now)
		mtu -= server.Tunnel().Overhead()
		tell = q.DF
	}
	w.drop(f, packet.Relayed)
	if tell {
		packet.Unwrap(f, q)
		w.complain(f, f.Dst, typ, code, mtu)
	}
	return true
}

// scheduleError begins the connection that an error is about, whose packets
// went by another director (schedule_icmp).
func (w *Worker) scheduleError(f *packet.Frame, j *job, flow *packet.Flow, hash uint64) bool {
	s := w.view.Services.Lookup(flow)
	if s == nil || s.Mark == 0 && s.Port != flow.DstPort || w.badSource(flow.Src) {
		return false
	}
	choice, ok := s.Schedule(flow, w.now, false)
	if !ok {
		return false
	}
	port := choice.Port
	if port == 0 {
		port = flow.DstPort
	}
	state := conntrack.TCPNone
	if flow.Proto == packet.ProtoUDP {
		state = conntrack.UDP
	}
	w.record = conntrack.Record{
		Key:    conntrack.KeyOf(flow),
		Target: conntrack.Target{Addr: choice.Addr, Port: port, Method: uint8(choice.Method), Server: choice.ID},
		State:  state, Mark: s.Mark, Order: w.now, Deadline: w.now + scheduledByError,
	}
	w.record.Kind = helped(choice.Method, &w.record.Key)
	return w.admit(hash, &j.conn, choice.Server, byAll) != conntrack.Full
}
