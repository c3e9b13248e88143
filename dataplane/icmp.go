package dataplane

import (
	"director/conntrack"
	"director/nat"
	"director/packet"
	"director/service"
)

// icmpErrors handles the errors about packets of connections.
type icmpErrors struct {
	*step
	out       *output
	tracker   *tracker
	forwarder *forwarder
	scheduler *scheduler

	quote packet.Quote
	flow  packet.Flow // reverse flow of the quoted packet
}

// handle decides on an ICMP packet. An error about a packet of a connection is
// forwarded by that connection (ip_vs_in_icmp, ip_vs_out_icmp). Everything else goes
// to the kernel, including a ping to a virtual address.
func (x *icmpErrors) handle(f *packet.Frame, j *job) {
	q := &x.quote
	var handled bool
	switch {
	case !packet.ParseQuote(f, q) || q.Later:
	case q.Outer.L3 != 0:
		handled = x.tunnelError(f, j, q)
	case x.gueError(f, j, q):
		handled = true
	case j.out:
		handled = x.serverError(f, j, q)
	default:
		handled = x.view.MayAnswer(f.Dst) && x.serverError(f, j, q) || x.clientError(f, j, q)
	}
	if !handled {
		x.toHost(f, packet.Protocol)
	}
}

// sound drops an ICMP error whose checksum is wrong. The kernel checks those that it changes.
func (x *icmpErrors) sound(f *packet.Frame) bool {
	if f.ICMP().ChecksumOK() {
		return true
	}
	x.drop(f, packet.BadChecksum)
	return false
}

// clientError sends an error about a real server's answer to the server. It comes
// from the client or from a router on the way there.
func (x *icmpErrors) clientError(f *packet.Frame, j *job, q *packet.Quote) bool {
	flow := &x.flow
	*flow = q.Reverse()
	hash := x.engine.conns.HashIn(flow)
	if !x.engine.conns.FindIn(hash, flow, &j.conn) {
		if !x.view.Sysctl.ScheduleICMP || !x.scheduler.scheduleError(f, j, flow, hash) {
			return f.Verdict != packet.Pending
		}
	}
	if j.masquerading() && !x.sound(f) {
		return true
	}
	x.countError(f, j)
	x.forwardError(f, j, q)
	return true
}

// countError counts an error for the server of its connection. An error passes also if the
// server was removed, unlike a packet of the connection.
func (x *icmpErrors) countError(f *packet.Frame, j *job) {
	x.know(j.conn.Server())
	x.tracker.count(f, j)
}

// forwardError forwards an error to the real server by the method of its connection.
func (x *icmpErrors) forwardError(f *packet.Frame, j *job, q *packet.Quote) {
	if !j.masquerading() {
		x.forwarder.toServer(f, j)
		return
	}
	hop := x.view.Hops.Server(j.conn.Server())
	if x.out.usable(f, hop) && x.out.fits(f, hop.MTU) {
		addr, port := j.conn.Target()
		nat.ErrorToServer(f, q, addr, port)
		x.out.send(f, hop, addr, hop.MTU)
	}
}

// serverError sends an error about a client's packet to the client. It comes from a
// masqueraded real server or from a router on the way there.
func (x *icmpErrors) serverError(f *packet.Frame, j *job, q *packet.Quote) bool {
	flow := q.Reverse()
	if !x.engine.conns.FindOut(x.engine.conns.HashOut(&flow), &flow, &j.conn) {
		return false
	}
	j.out = true
	if !x.out.leaves(f) || !x.sound(f) {
		return true
	}
	x.countError(f, j)
	x.failure(f, j)
	hop := x.view.Hops.Route(f.Dst)
	addr, port := j.conn.Virtual()
	nat.ErrorToClient(f, q, addr, port)
	x.out.send(f, hop, f.Dst, hop.MTU)
	return true
}

// failure counts a connection for its server if an error says that its packets cannot reach
// the server. It counts each connection once: who knows one connection could otherwise make
// its server look bad by repeated or forged errors.
func (x *icmpErrors) failure(f *packet.Frame, j *job) {
	if f.ICMP().Type() == packet.ICMPUnreachable && f.ICMP().Code() != packet.CodeFragNeeded &&
		x.engine.conns.SetFlag(&j.conn, conntrack.SeenFailing) {
		x.sign(j.conn.Server()).Errors++
	}
}

// gueError is tunnelError for an error about a UDP datagram, which may be a GUE
// packet of the director.
func (x *icmpErrors) gueError(f *packet.Frame, j *job, q *packet.Quote) bool {
	inside := *q
	return packet.ParseGUE(f, &inside) && !inside.Later && x.tunnelError(f, j, &inside)
}

// tunnelError relays an error about a tunnel packet of the director to the client
// that sent the inner packet. It also learns the path MTU of the tunnel.
func (x *icmpErrors) tunnelError(f *packet.Frame, j *job, q *packet.Quote) bool {
	if !x.view.Hops.Local(f.Dst) || !x.engine.conns.FindIn(x.engine.conns.HashIn(&q.Flow), &q.Flow, &j.conn) {
		return false
	}
	server := x.server(&j.conn)
	if service.Method(j.conn.Method()) != service.TUN || server == nil ||
		server.Addr != q.Outer.Dst || !q.Outer.Fits(server.Tunnel()) {
		return false
	}
	typ, code, mtu := f.ICMP().Type(), f.ICMP().Code(), uint16(0)
	tooLong := typ == packet.ICMPUnreachable && code == packet.CodeFragNeeded
	if tooLong && !x.believes(f, q, server) {
		return false
	}
	if !x.sound(f) {
		return true
	}
	x.failure(f, j)
	if tooLong {
		mtu = x.learn(f.ICMP().MTU(), server)
	}
	x.drop(f, packet.Relayed)
	packet.Unwrap(f, q)
	x.out.complain(f, f.Dst, typ, code, mtu)
	return true
}

// believes reports whether the tunnel packet that an error quotes, because it was too long
// for a router, is one that the director has lately sent to server. Anybody can send such
// errors, and a believed one makes all clients of the server send shorter packets for ten
// minutes.
//
// nat.Tunnel sends a packet that routers must not fragment with the identification 0.
// Routers do not complain about any other.
func (x *icmpErrors) believes(f *packet.Frame, q *packet.Quote, server *service.Server) bool {
	o := &q.Outer
	return o.DF && o.ID == 0 &&
		o.Src == f.Dst && o.Src == x.view.Hops.Server(server.ID).Source &&
		(o.Encap != packet.GUE || o.SrcPort == nat.FlowPort(&q.Flow)) &&
		o.IPLen == q.IPLen+server.Tunnel().Overhead() && o.IPLen > f.ICMP().MTU() &&
		x.engine.sentLately(x.engine.conns.HashIn(&q.Flow), o.IPLen, x.now)
}

// learn stores a path MTU that a router reported and returns the MTU of the tunnel, which is
// never less than minTunnelled.
func (x *icmpErrors) learn(mtu uint16, server *service.Server) uint16 {
	overhead := server.Tunnel().Overhead()
	least := minTunnelled + overhead
	server.Path.Learn(mtu, least, x.now)
	width, _ := server.Path.MTU(x.view.Hops.Server(server.ID).MTU, x.now)
	return min(max(mtu, least), width) - overhead
}
