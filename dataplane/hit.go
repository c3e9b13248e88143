package dataplane

import (
	"director/conntrack"
	"director/nat"
	"director/neigh"
	"director/packet"
	"director/service"
)

// hitIn takes a client's plain packet all the way, from looking its connection up
// where the hint says to the rewritten frame, if there is nothing about it to
// think over: nearly every packet is such a one. For any other it reports false,
// with nothing changed, and the stages look at it one after the other.
func (w *Worker) hitIn(f *packet.Frame, hint conntrack.Hint) bool {
	c, v, p := w.shared.conns.HitIn(hint, &f.Flow), w.view, f.Front()
	id := c.Server()
	if !c.Found() || f.TCPFlags&packet.SYN != 0 || !v.Services.Member(id) || c.Is(conntrack.Helper) || p.TTL() <= 1 {
		return false
	}
	hop, dir, method := v.Hops.Server(id), conntrack.InOnly, service.Method(c.Method())
	if hop.Reason != packet.None || f.IPLen > hop.MTU {
		return false
	}
	switch {
	case method == service.NAT && nat.Summed(p, f.Proto):
		dir = conntrack.In
	case method == service.DR, method == service.TUN && w.wraps(f, hop, id):
	default:
		return false
	}
	if !c.Steady(dir, event(f), w.now, w.machine, &v.Timeouts) {
		return false
	}
	t := w.tally(id)
	t.InPkts++
	t.InBytes += uint64(f.IPLen)
	addr, port := c.Rewrite()
	switch method {
	case service.NAT:
		nat.PlainToServer(p, f.Proto, addr, port)
	case service.DR:
		p.Forward(0)
	case service.TUN:
		w.ident++
		nat.PlainIPIP(f, hop.Source.V4(), addr, w.ident, v.Sysctl.PMTUDisc)
		p = f.Front()
	}
	leave(f, p, hop)
	return true
}

// wraps reports whether a packet fits whole into the IPIP tunnel of a server, and
// the server has no other.
func (w *Worker) wraps(f *packet.Frame, hop *neigh.Hop, id uint32) bool {
	server := w.view.Services.Server(id)
	width := server.Path.MTU(hop.MTU, w.now)
	return server.Tunnel().Encap == packet.IPIP && f.Off >= packet.IPv4Len &&
		width >= minTunnelMTU+packet.IPv4Len && f.IPLen <= width-packet.IPv4Len
}

// hitOut is hitIn for a real server's answer.
func (w *Worker) hitOut(f *packet.Frame, hint conntrack.Hint) bool {
	c, v, p := w.shared.conns.HitOut(hint, &f.Flow), w.view, f.Front()
	id := c.Server()
	if !c.Found() || !v.Services.Member(id) || c.Is(conntrack.Helper) || p.TTL() <= 1 || !nat.Summed(p, f.Proto) {
		return false
	}
	hop := v.Hops.Route(f.Dst)
	if hop.Reason != packet.None || f.IPLen > hop.MTU ||
		!c.Steady(conntrack.Out, event(f), w.now, w.machine, &v.Timeouts) {
		return false
	}
	t := w.tally(id)
	t.OutPkts++
	t.OutBytes += uint64(f.IPLen)
	addr, port := c.Rewrite()
	nat.PlainToClient(p, f.Proto, addr, port)
	leave(f, p, hop)
	return true
}

// leave writes the Ethernet addresses of a plain frame that leaves by hop.
func leave(f *packet.Frame, p *packet.Plain, hop *neigh.Hop) {
	hop.Touch()
	p.SetAddrs(&hop.Dst, &hop.Src)
	f.Out, f.Verdict = hop.Interface, packet.Tx
}
