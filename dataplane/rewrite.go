package dataplane

import (
	"director/nat"
	"director/neigh"
	"director/packet"
	"director/service"
)

// rewrite prepares each frame that has a connection for its next hop.
func (w *Worker) rewrite(b *packet.Batch) {
	for i := range b.N {
		f, j := &b.Frames[i], &w.jobs[i]
		if f.Verdict != packet.Pending {
			continue
		}
		if j.out {
			w.toClient(f, j)
		} else {
			w.toServer(f, j)
		}
	}
}

// toClient turns a real server's answer into the virtual service's.
func (w *Worker) toClient(f *packet.Frame, j *job) {
	hop := w.view.Hops.Route(f.Dst)
	if !w.passes(f, hop, 0) {
		return
	}
	addr, port := j.conn.Virtual()
	nat.ToClient(f, addr, port)
	w.send(f, hop, f.Dst)
}

// toServer forwards a client's packet by its connection's method.
func (w *Worker) toServer(f *packet.Frame, j *job) {
	hop := w.view.Hops.Server(j.conn.Server())
	if hop.Reason == packet.LocalServer {
		w.leave(f, packet.LocalServer)
		return
	}
	method := service.Method(j.conn.Method())
	overhead := uint16(0)
	if method == service.TUN {
		overhead = nat.IPIPLen
	}
	if !w.passes(f, hop, overhead) {
		return
	}
	addr, port := j.conn.Target()
	switch method {
	case service.NAT:
		nat.ToServer(f, addr, port)
	case service.DR:
		nat.Direct(f)
	case service.TUN:
		w.ident++
		if !nat.Tunnel(f, hop.Source, addr, w.ident, true) {
			w.drop(f, packet.MTU)
			return
		}
	}
	w.send(f, hop, addr)
}

// passes drops a frame that a router could not forward: no way to the next
// hop, no time left to live, or too long by the bytes that are still to be
// added.
func (w *Worker) passes(f *packet.Frame, hop *neigh.Hop, overhead uint16) bool {
	switch {
	case hop.Reason != packet.None && hop.Reason != packet.Neighbor:
		w.drop(f, hop.Reason)
	case f.IP().TTL() <= 1:
		w.drop(f, packet.TTL)
	case f.IPLen+overhead > hop.MTU:
		w.drop(f, packet.MTU)
	default:
		return true
	}
	return false
}

// send writes the Ethernet addresses of a frame that goes to dst by hop, or
// keeps it until the next hop's address is known.
func (w *Worker) send(f *packet.Frame, hop *neigh.Hop, dst packet.Addr) {
	if hop.Reason == packet.Neighbor {
		w.keep(f, hop.Arm, hop.NextHop(dst))
		return
	}
	hop.Touch()
	packet.Eth(f.Bytes()).SetAddrs(hop.Dst, hop.Src)
	f.Out = hop.Arm
	f.Verdict = packet.Tx
}
