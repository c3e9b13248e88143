package dataplane

import (
	"director/conntrack"
	"director/nat"
	"director/neigh"
	"director/packet"
	"director/service"
)

// minTunnelMTU is the least a tunnel must carry: what every link carries whole
// (RFC 791 §3.2, ip_vs_xmit.c).
const minTunnelMTU = 68

// rewrite prepares each frame that has a connection for its next hop.
func (w *Worker) rewrite(b *packet.Batch) {
	if !w.rest {
		return
	}
	for i := range b.N {
		f, j := &b.Frames[i], &w.jobs[i]
		switch {
		case f.Verdict != packet.Pending:
		case j.out:
			w.toClient(f, j)
		default:
			w.toServer(f, j)
		}
	}
}

// emit writes the Ethernet addresses of a frame that leaves by hop as it is.
func (w *Worker) emit(f *packet.Frame, hop *neigh.Hop) {
	hop.Touch()
	packet.Eth(f.Bytes()).SetAddrs(&hop.Dst, &hop.Src)
	f.Out = hop.Interface
	f.Verdict = packet.Tx
}

// toClient turns a real server's answer into the virtual service's.
func (w *Worker) toClient(f *packet.Frame, j *job) {
	hop := w.view.Hops.Route(f.Dst)
	if !w.usable(f, hop) || !w.passes(f, hop.MTU) {
		return
	}
	if j.conn.Is(conntrack.Helper) && !w.helpClient(f, j, hop.MTU) {
		return
	}
	addr, port := j.conn.Virtual()
	nat.ToClient(f, addr, port)
	w.send(f, hop, f.Dst, hop.MTU)
}

// passes is fits for a packet to the client. The ordinary forwarding of a router,
// which looks at a packet before IPVS does, answers from its own address.
func (w *Worker) passes(f *packet.Frame, limit uint16) bool {
	switch {
	case f.IP().TTL() <= 1:
		w.timeExceeded(f, w.here(f))
	case f.IPLen > limit && f.IP().DF():
		w.tooLong(f, w.here(f), limit)
	default:
		return true
	}
	return false
}

// toServer forwards a client's packet by its connection's method.
func (w *Worker) toServer(f *packet.Frame, j *job) {
	if isBypass(&j.conn) {
		w.toOrigin(f)
		return
	}
	hop := w.view.Hops.Server(j.conn.Server())
	if hop.Reason == packet.LocalServer {
		w.leave(f, packet.LocalServer)
		return
	}
	if !w.usable(f, hop) {
		return
	}
	addr, port := j.conn.Target()
	switch service.Method(j.conn.Method()) {
	case service.NAT:
		if w.fits(f, hop.MTU) && (!j.conn.Is(conntrack.Helper) || w.helpServer(f, j)) {
			nat.ToServer(f, addr, port)
			w.send(f, hop, addr, hop.MTU)
		}
	case service.DR:
		if w.fits(f, hop.MTU) {
			nat.Direct(f)
			w.send(f, hop, addr, hop.MTU)
		}
	case service.TUN:
		w.tunnel(f, j, hop, addr)
	}
}

// tunnel wraps a client's packet for its server, as the server takes it now. The
// tunnel is as wide as the narrowest link to the server that is known, less what
// the tunnel adds.
func (w *Worker) tunnel(f *packet.Frame, j *job, hop *neigh.Hop, addr packet.Addr) {
	server := w.server(&j.conn)
	tunnel := server.Tunnel()
	width, overhead := server.Path.MTU(hop.MTU, w.now), tunnel.Overhead()
	if width < minTunnelMTU+overhead {
		w.drop(f, packet.MTU)
		return
	}
	discover := w.view.Sysctl.PMTUDisc
	limit := width - overhead
	if !discover {
		limit = maxLength // the outer packet may be fragmented on its way
	}
	if !w.fits(f, limit) {
		return
	}
	w.ident++
	if !nat.Tunnel(f, tunnel, hop.Source, addr, w.ident, discover) {
		w.drop(f, packet.MTU)
		return
	}
	f.IPLen += overhead
	w.send(f, hop, addr, width)
}

// maxLength is the length of the longest IP packet.
const maxLength = 65535

// usable drops a frame that has no way to its next hop.
func (w *Worker) usable(f *packet.Frame, hop *neigh.Hop) bool {
	if hop.Reason == packet.None || hop.Reason == packet.Neighbor {
		return true
	}
	w.drop(f, hop.Reason)
	return false
}

// fits drops a client's packet that a router could not forward, and tells the
// client: no time left to live, or longer than limit bytes and not to be
// fragmented.
func (w *Worker) fits(f *packet.Frame, limit uint16) bool {
	ip := f.IP()
	switch {
	case ip.TTL() <= 1:
		w.timeExceeded(f, f.Dst)
	case f.IPLen > limit && ip.DF() && f.Proto != packet.ProtoICMP:
		ip.Forward(0) // the packet has come a hop further when it is looked at
		w.tooLong(f, f.Dst, limit)
	default:
		return true
	}
	return false
}

func (w *Worker) timeExceeded(f *packet.Frame, from packet.Addr) {
	w.complain(f, from, packet.ICMPTimeExceeded, 0, 0)
	w.drop(f, packet.TTL)
}

func (w *Worker) tooLong(f *packet.Frame, from packet.Addr, mtu uint16) {
	w.complain(f, from, packet.ICMPUnreachable, packet.CodeFragNeeded, mtu)
	w.drop(f, packet.MTU)
}

// send writes the Ethernet addresses of a frame that goes to dst by hop, whose
// packets have at most limit bytes, or keeps it until the next hop's address is
// known.
func (w *Worker) send(f *packet.Frame, hop *neigh.Hop, dst packet.Addr, limit uint16) {
	if w.largest != 0 || f.IPLen > limit {
		if w.largest != 0 {
			limit = min(limit, w.largest)
		}
		w.cut(f, hop, dst, limit)
		return
	}
	if hop.Reason == packet.Neighbor {
		w.keep(f, hop.Interface, hop.NextHop(dst))
		return
	}
	w.emit(f, hop)
}
