package dataplane

import (
	"director/conntrack"
	"director/packet"
)

// The protocols of IPsec that carry no ports (RFC 4303, RFC 4302), and the port
// from which and to which their keys are agreed on (RFC 7296 §2).
const (
	protoESP = 50
	protoAH  = 51
	keyPort  = 500
)

// ride decides on a packet of IPsec: it has no connection of its own and goes
// where those between the same addresses go that agree on its keys. Without such
// a connection it is the kernel's (ip_vs_proto_ah_esp.c).
func (w *Worker) ride(f *packet.Frame, j *job) {
	if !w.findKeys(f, j) {
		w.leave(f, packet.Protocol)
		return
	}
	if !w.keeps(f, j) {
		if f.Verdict == packet.Pending { // that connection is over
			w.retire(j)
			w.leave(f, packet.Protocol)
		}
		return
	}
	// It renews the connection's time and moves nothing else.
	w.count(f, j)
	w.shared.conns.Observe(&j.conn, direction(j), conntrack.Other, w.now, w.machine, &w.view.Timeouts)
	switch {
	case j.out:
		w.rideOut(f, j)
	case masquerading(j):
		w.rideIn(f, j)
	default:
		w.toServer(f, j)
	}
}

// findKeys looks for the connection that f rides on, as if f were a packet of it.
func (w *Worker) findKeys(f *packet.Frame, j *job) bool {
	was := f.Flow
	f.Proto, f.SrcPort, f.DstPort = packet.ProtoUDP, keyPort, keyPort
	w.key(f, j)
	if j.out {
		j.found = w.shared.conns.FindOut(j.hash, &f.Flow, &j.conn)
	} else {
		j.found = w.shared.conns.FindIn(j.hash, &f.Flow, &j.conn) || w.answers(f, j)
	}
	f.Flow = was
	return j.found
}

// rideIn masquerades a client's packet: nothing but its destination address.
func (w *Worker) rideIn(f *packet.Frame, j *job) {
	hop := w.view.Hops.Server(j.conn.Server())
	if !w.usable(f, hop) || !w.fits(f, hop.MTU) {
		return
	}
	addr, _ := j.conn.Target()
	ip := f.IP()
	delta := packet.Delta(0).Replace32(ip.Dst(), addr.V4())
	ip.SetDst(addr.V4())
	ip.Forward(delta)
	w.send(f, hop, addr, hop.MTU)
}

// rideOut masquerades a real server's packet: nothing but its source address.
func (w *Worker) rideOut(f *packet.Frame, j *job) {
	hop := w.view.Hops.Route(f.Dst)
	if !w.usable(f, hop) || !w.passes(f, hop.MTU) {
		return
	}
	addr, _ := j.conn.Virtual()
	ip := f.IP()
	delta := packet.Delta(0).Replace32(ip.Src(), addr.V4())
	ip.SetSrc(addr.V4())
	ip.Forward(delta)
	w.send(f, hop, f.Dst, hop.MTU)
}
