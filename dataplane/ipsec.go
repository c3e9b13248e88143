package dataplane

import (
	"director/conntrack"
	"director/nat"
	"director/packet"
)

// The protocols of IPsec that carry no ports (RFC 4303, RFC 4302), and the port
// from which and to which their keys are agreed on (RFC 7296 §2).
const (
	protoESP = 50
	protoAH  = 51
	keyPort  = 500
)

// ipsec handles the packets of IPsec. They have no ports and no connections of their
// own.
type ipsec struct {
	*step
	out       *output
	tracker   *tracker
	forwarder *forwarder
}

// handle decides on an IPsec packet. It is forwarded like the connection by which the
// same two addresses agree on keys. Without such a connection it goes to the kernel
// (ip_vs_proto_ah_esp.c).
func (x *ipsec) handle(f *packet.Frame, j *job) {
	if !x.findKeys(f, j) {
		x.toHost(f, packet.Protocol)
		return
	}
	if j.out && !x.out.leaves(f) {
		return
	}
	if !x.tracker.keeps(f, j) {
		if f.Verdict == packet.Pending { // that connection is over
			x.tracker.removeOld(j)
			x.toHost(f, packet.Protocol)
		}
		return
	}
	// The packet renews the connection's deadline and changes nothing else.
	x.tracker.count(f, j)
	x.tracker.change(j, x.engine.conns.Observe(&j.conn, j.direction(), conntrack.Other, x.now, x.machine, &x.view.Timeouts))
	switch {
	case j.out:
		x.toClient(f, j)
	case j.masquerading():
		x.toServer(f, j)
	default:
		x.forwarder.toServer(f, j)
	}
}

// findKeys looks for the connection by which the addresses of f agree on keys, as if
// f were a packet of it.
func (x *ipsec) findKeys(f *packet.Frame, j *job) bool {
	was := f.Flow
	f.Proto, f.SrcPort, f.DstPort = packet.ProtoUDP, keyPort, keyPort
	x.tracker.hash(f, j)
	if j.out {
		j.found = x.engine.conns.FindOut(j.hash, &f.Flow, &j.conn)
	} else {
		j.found = x.engine.conns.FindIn(j.hash, &f.Flow, &j.conn) || x.tracker.answers(f, j)
	}
	f.Flow = was
	return j.found
}

// toServer masquerades a client's packet: nothing but its destination address.
func (x *ipsec) toServer(f *packet.Frame, j *job) {
	hop := x.view.Hops.Server(j.conn.Server())
	if !x.out.usable(f, hop) || !x.out.fits(f, hop.MTU) {
		return
	}
	addr, _ := j.conn.Target()
	nat.AddrToServer(f, addr)
	x.out.send(f, hop, addr, hop.MTU)
}

// toClient masquerades a real server's packet: nothing but its source address.
func (x *ipsec) toClient(f *packet.Frame, j *job) {
	hop := x.view.Hops.Route(f.Dst)
	addr, _ := j.conn.Virtual()
	nat.AddrToClient(f, addr)
	x.out.send(f, hop, f.Dst, hop.MTU)
}
