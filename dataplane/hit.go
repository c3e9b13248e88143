package dataplane

import (
	"director/conntrack"
	"director/nat"
	"director/packet"
	"director/service"
)

// hit takes a plain packet of a connection all the way, from looking it up where
// the hint says to the rewritten frame, if there is nothing about it to think
// over: nearly every packet is such a one. For any other it reports false, with
// nothing changed but the copy of the connection, and the stages look at it one
// after the other.
func (w *Worker) hit(f *packet.Frame, j *job, hint conntrack.Hint) bool {
	if !f.Plain || w.largest != 0 {
		return false
	}
	c, p := &j.conn, f.Front()
	if j.out {
		if !w.shared.Conns.IsOut(hint, &f.Flow, c) {
			return false
		}
	} else if fresh(f) || !w.shared.Conns.IsIn(hint, &f.Flow, c) {
		return false
	}
	id := c.Server()
	if !w.view.Services.Member(id) || c.Is(conntrack.Helper) || p.TTL() <= 1 {
		return false
	}
	hop := w.view.Hops.Server(id)
	if j.out {
		hop = w.view.Hops.Route(f.Dst)
	}
	method := service.Method(c.Method())
	if hop.Reason != packet.None || f.IPLen > hop.MTU ||
		method != service.DR && (method != service.NAT || !nat.Summed(p, f.Proto)) {
		return false
	}
	w.use(f, j)
	switch {
	case method == service.DR:
		p.Forward(0)
	case j.out:
		addr, port := c.Virtual()
		nat.PlainToClient(p, f.Proto, addr, port)
	default:
		addr, port := c.Target()
		nat.PlainToServer(p, f.Proto, addr, port)
	}
	hop.Touch()
	p.SetAddrs(&hop.Dst, &hop.Src)
	f.Out = hop.Arm
	f.Verdict = packet.Tx
	return true
}
