package dataplane

import (
	"director/conntrack"
	"director/nat"
	"director/neigh"
	"director/packet"
	"director/service"
)

// hitIn forwards a client's plain packet whose connection is where the hint says. It
// looks up, counts and rewrites at once, which is sufficient for nearly every packet.
// For a packet that needs more, it changes nothing and returns false, and the stages
// handle the packet. hitIn has the same effect as the stages.
func (b *batch) hitIn(f *packet.Frame, hint conntrack.Hint) bool {
	s := &b.step
	c, v, p := s.engine.conns.HitIn(hint, &f.Flow), s.view, f.Front()
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
	case method == service.DR, method == service.TUN && s.fitsIPIP(f, hop, id):
	default:
		return false
	}
	if !c.Steady(dir, event(f), s.now, s.machine, &v.Timeouts) {
		return false
	}
	t := s.tally(id)
	t.InPkts++
	t.InBytes += uint64(f.IPLen)
	addr, port := c.Rewrite()
	switch method {
	case service.NAT:
		nat.PlainToServer(p, f.Proto, addr, port)
	case service.DR:
		p.Forward(0)
	case service.TUN:
		b.out.ident++
		if length := f.IPLen + packet.IPv4Len; length > minTunnelled {
			s.sent.note(c.Hash(), length, s.now)
		}
		nat.PlainIPIP(f, hop.Source.V4(), addr, b.out.ident, v.Sysctl.PMTUDisc)
		p = f.Front()
	}
	emitPlain(f, p, hop)
	return true
}

// fitsIPIP reports whether the tunnel of a server is IPIP and a packet fits into it
// without fragmentation.
func (s *step) fitsIPIP(f *packet.Frame, hop *neigh.Hop, id uint32) bool {
	server := s.view.Services.Server(id)
	width, narrow := server.Path.MTU(hop.MTU, s.now)
	return server.Tunnel().Encap == packet.IPIP && !narrow && f.Off >= packet.IPv4Len &&
		width >= minTunnelMTU+packet.IPv4Len && f.IPLen <= width-packet.IPv4Len
}

// hitOut is hitIn for a real server's answer.
func (b *batch) hitOut(f *packet.Frame, hint conntrack.Hint) bool {
	s := &b.step
	c, v, p := s.engine.conns.HitOut(hint, &f.Flow), s.view, f.Front()
	id := c.Server()
	if !c.Found() || !v.Services.Member(id) || c.Is(conntrack.Helper) || p.TTL() <= 1 || !nat.Summed(p, f.Proto) {
		return false
	}
	hop := v.Hops.Route(f.Dst)
	if hop.Reason != packet.None || f.IPLen > hop.MTU ||
		!c.Steady(conntrack.Out, event(f), s.now, s.machine, &v.Timeouts) {
		return false
	}
	t := s.tally(id)
	t.OutPkts++
	t.OutBytes += uint64(f.IPLen)
	addr, port := c.Rewrite()
	nat.PlainToClient(p, f.Proto, addr, port)
	emitPlain(f, p, hop)
	return true
}

// emitPlain writes the Ethernet addresses of a plain frame that leaves by hop.
func emitPlain(f *packet.Frame, p *packet.Plain, hop *neigh.Hop) {
	hop.Touch()
	p.SetAddrs(&hop.Dst, &hop.Src)
	f.Out, f.Verdict = hop.Interface, packet.Tx
}
