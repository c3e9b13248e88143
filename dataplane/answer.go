package dataplane

import (
	"director/dataplane/answer"
	"director/neigh"
	"director/packet"
	"director/service"
)

// complain answers a packet with an ICMP error from an address of ours, if it
// may be answered now.
func (w *Worker) complain(f *packet.Frame, from packet.Addr, typ, code uint8, mtu uint16) {
	if !answer.Answerable(f) || !w.shared.limiter.Allow(f.Src, typ, code, w.now) {
		return
	}
	w.ident++
	w.tapCause(f, TapMade)
	n := answer.Error(w.frame[:], f, from, typ, code, mtu, w.ident)
	w.say(n, f.Src)
}

// say sends the first n bytes of w.frame to an address.
func (w *Worker) say(n int, to packet.Addr) {
	hop := w.view.Hops.Route(to)
	if hop.Reason == packet.None || hop.Reason == packet.Neighbor {
		w.dispatch(w.frame[:n], hop, to)
	}
}

// dispatch sends a frame of our own making, complete but for its Ethernet
// addresses, to dst by hop.
func (w *Worker) dispatch(data []byte, hop *neigh.Hop, dst packet.Addr) {
	if hop.Reason == packet.Neighbor {
		var cause *packet.Frame
		if w.tap != nil {
			cause = w.tap.cause
		}
		if w.hold(data, hop.Interface, hop.NextHop(dst), cause) {
			return
		}
		w.add(dropCount+int(packet.Neighbor), 1)
		if cause != nil {
			w.tap.own(data, w.tap.point, hop.Interface, packet.Neighbor)
		}
		return
	}
	hop.Touch()
	packet.Eth(data).SetAddrs(&hop.Dst, &hop.Src)
	reason := w.cross(data, hop.Interface)
	if w.tap != nil && w.tap.cause != nil {
		w.tap.own(data, w.tap.point, hop.Interface, reason)
	}
}

// refuse answers a packet as a host answers on whose port nobody listens, and
// ends it.
func (w *Worker) refuse(f *packet.Frame) {
	switch f.Proto {
	case packet.ProtoTCP:
		if answer.Answerable(f) {
			w.tapCause(f, TapMade)
			if n := answer.Reset(w.frame[:], f); n > 0 {
				w.say(n, f.Src)
			}
		}
	case packet.ProtoUDP:
		w.complain(f, f.Dst, packet.ICMPUnreachable, packet.CodePort, 0)
	default:
		w.leave(f, packet.NoConnection) // the stack knows the protocol's own answer
		return
	}
	w.drop(f, packet.NoConnection)
}

// orphan decides on a packet to a service that has no connection and begins
// none.
func (w *Worker) orphan(f *packet.Frame, j *job, s *service.Service) {
	if w.shared.defence.crowded.Load() && f.Proto == packet.ProtoTCP && f.TCPFlags&packet.RST == 0 {
		w.adopt(f, j, s)
		return
	}
	w.refuse(f)
}

// noServer decides on a client's packet for which there is no server
// (ip_vs_leave): the client is told.
func (w *Worker) noServer(f *packet.Frame, j *job, s *service.Service) {
	if w.bypass(f, j, s) {
		return
	}
	if s.Port == ftpControl && f.DstPort != ftpControl {
		w.refuse(f) // nobody's data connection
		return
	}
	w.complain(f, f.Dst, packet.ICMPUnreachable, packet.CodePort, 0)
	w.drop(f, packet.NoServer)
}

// unknown decides on a packet that is no client's and belongs to no connection:
// a real server's own, or anybody's.
func (w *Worker) unknown(f *packet.Frame, j *job) {
	if j.found && w.keeps(f, j) {
		w.use(f, j)
		return
	}
	if w.initiate(f, j) {
		return
	}
	if w.shared.defence.crowded.Load() && w.answersUnnoted(f, j) {
		return
	}
	reset := f.Proto == packet.ProtoTCP && f.TCPFlags&packet.RST != 0 ||
		f.Proto == packet.ProtoSCTP && f.Chunk == packet.ChunkAbort
	if w.view.Sysctl.NATICMPSend && !reset && w.view.Services.Masqueraded(&f.Flow) != nil {
		w.complain(f, w.here(f), packet.ICMPUnreachable, packet.CodePort, 0)
		w.drop(f, packet.NoConnection)
		return
	}
	w.leave(f, packet.NoConnection)
}

// here returns the address with which the director answers a packet that is
// not for a virtual address: the one it has on the way to the sender.
func (w *Worker) here(f *packet.Frame) packet.Addr {
	return w.view.Hops.Route(f.Src).Source
}
