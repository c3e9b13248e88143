package dataplane

import (
	"director/conntrack"
	"director/nat"
	"director/neigh"
	"director/packet"
	"director/service"
)

const (
	// minTunnelMTU is the smallest MTU of a tunnel. Every link carries packets of
	// this length (RFC 791 §3.2, ip_vs_xmit.c).
	minTunnelMTU = 68
	// maxLength is the length of the longest IP packet.
	maxLength = 65535
)

// rewrite prepares each frame that has a connection for its next hop.
func (b *batch) rewrite(rx *packet.Batch) {
	if !b.rest {
		return
	}
	for i := range rx.N {
		f, j := &rx.Frames[i], &b.jobs[i]
		switch {
		case f.Verdict != packet.Pending:
		case j.out:
			b.forwarder.toClient(f, j)
		default:
			b.forwarder.toServer(f, j)
		}
	}
}

// forwarder rewrites the packets of connections by the connection's method and
// sends them.
type forwarder struct {
	*step
	out     *output
	tracker *tracker
}

// toClient forwards a real server's answer with the virtual service as its source.
func (fwd *forwarder) toClient(f *packet.Frame, j *job) {
	hop := fwd.view.Hops.Route(f.Dst) // usable: the packet has passed output.leaves
	if j.conn.Is(conntrack.Helper) && !fwd.helpClient(f, j, hop.MTU) {
		return
	}
	addr, port := j.conn.Virtual()
	nat.ToClient(f, addr, port)
	fwd.out.send(f, hop, f.Dst, hop.MTU)
}

// toServer forwards a client's packet by its connection's method.
func (fwd *forwarder) toServer(f *packet.Frame, j *job) {
	method := service.Method(j.conn.Method())
	if method == service.Bypass {
		fwd.toOrigin(f)
		return
	}
	hop := fwd.view.Hops.Server(j.conn.Server())
	if hop.Reason == packet.LocalServer {
		fwd.toHost(f, packet.LocalServer)
		return
	}
	if !fwd.out.usable(f, hop) {
		return
	}
	addr, port := j.conn.Target()
	switch method {
	case service.NAT:
		if fwd.out.fits(f, hop.MTU) && (!j.conn.Is(conntrack.Helper) || fwd.helpServer(f, j)) {
			nat.ToServer(f, addr, port)
			fwd.out.send(f, hop, addr, hop.MTU)
		}
	case service.DR:
		if fwd.out.fits(f, hop.MTU) {
			nat.Direct(f)
			fwd.out.send(f, hop, addr, hop.MTU)
		}
	case service.TUN:
		fwd.tunnel(f, j, hop, addr)
	}
}

// tunnel wraps a client's packet for its server in the server's current tunnel. The
// MTU of the tunnel is the known path MTU to the server minus the overhead of the
// tunnel. On a path that is narrower than the director believes, routers may fragment the
// outer packet.
func (fwd *forwarder) tunnel(f *packet.Frame, j *job, hop *neigh.Hop, addr packet.Addr) {
	server := fwd.server(&j.conn)
	tunnel := server.Tunnel()
	width, narrow := server.Path.MTU(hop.MTU, fwd.now)
	overhead := tunnel.Overhead()
	if width < minTunnelMTU+overhead {
		fwd.drop(f, packet.MTU)
		return
	}
	discover := fwd.view.Sysctl.PMTUDisc
	limit := width - overhead
	if !discover {
		limit = maxLength // routers may fragment the outer packet
	}
	if !fwd.out.fits(f, limit) {
		return
	}
	fwd.out.ident++
	if !nat.Tunnel(f, tunnel, hop.Source, addr, fwd.out.ident, discover && !narrow) {
		fwd.drop(f, packet.MTU)
		return
	}
	f.IPLen += overhead
	if f.IPLen > minTunnelled {
		fwd.sent.note(fwd.engine.conns.HashIn(&f.Flow), f.IPLen, fwd.now)
	}
	fwd.out.send(f, hop, addr, width)
}

// toOrigin forwards a packet to its own destination.
func (fwd *forwarder) toOrigin(f *packet.Frame) {
	hop := fwd.view.Hops.Route(f.Dst)
	if fwd.out.usable(f, hop) && fwd.out.fits(f, hop.MTU) {
		nat.Direct(f)
		fwd.out.send(f, hop, f.Dst, hop.MTU)
	}
}
