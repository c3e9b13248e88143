package dataplane

import (
	"director/dataplane/fragment"
	"director/neigh"
	"director/packet"
)

// output sends frames. It checks TTL and MTU, writes the Ethernet addresses, and
// passes the frames to the port that sends them. A frame that it cannot send is
// answered, kept for a while, or dropped.
type output struct {
	*step
	ifaces  []iface
	pending pending
	ident   uint16 // identification of the last header that the director made
	largest uint16 // largest fragment of the current datagram; 0 for other packets
	frame   [packet.MaxFrame]byte
}

// usable drops a frame without a usable next hop. It reports whether the frame
// remains.
func (o *output) usable(f *packet.Frame, hop *neigh.Hop) bool {
	if hop.Reason == packet.None || hop.Reason == packet.Neighbor {
		return true
	}
	o.drop(f, hop.Reason)
	return false
}

// fits drops a client's packet that a router could not forward, and sends the client
// an ICMP error: the TTL is used up, or the packet has more than limit bytes and must
// not be fragmented.
func (o *output) fits(f *packet.Frame, limit uint16) bool {
	ip := f.IP()
	switch {
	case ip.TTL() <= 1:
		o.timeExceeded(f, f.Dst)
	case o.longest(f) > limit && ip.DF() && f.Proto != packet.ProtoICMP:
		ip.Forward(0) // the kernel answers with the TTL already lowered
		o.tooLong(f, f.Dst, limit)
	default:
		return true
	}
	return false
}

// leaves is usable and fits for a packet from the servers' side. In the kernel, ordinary
// forwarding checks such a packet before IPVS sees it, and answers from the router's own
// address (ip_forward in net/ipv4/ip_forward.c). So the check comes before the packet is
// counted or changes the state of a connection.
func (o *output) leaves(f *packet.Frame) bool {
	hop := o.view.Hops.Route(f.Dst)
	switch {
	case !o.usable(f, hop):
	case f.IP().TTL() <= 1:
		o.timeExceeded(f, o.here(f))
	case o.longest(f) > hop.MTU && f.IP().DF():
		o.tooLong(f, o.here(f), hop.MTU)
	default:
		return true
	}
	return false
}

// longest returns the length of a packet in bytes or, if it arrived in fragments, of the
// longest of them: the datagram leaves in fragments of at most this length, so a sender
// that forbids further fragmentation is obeyed.
func (o *output) longest(f *packet.Frame) uint16 {
	if o.largest != 0 {
		return o.largest
	}
	return f.IPLen
}

// timeExceeded drops a packet whose TTL is used up, and sends its sender an ICMP
// error.
func (o *output) timeExceeded(f *packet.Frame, from packet.Addr) {
	o.complain(f, from, packet.ICMPTimeExceeded, 0, 0)
	o.drop(f, packet.TTL)
}

// tooLong drops a packet that is longer than mtu, and sends its sender an ICMP error.
func (o *output) tooLong(f *packet.Frame, from packet.Addr, mtu uint16) {
	o.complain(f, from, packet.ICMPUnreachable, packet.CodeFragNeeded, mtu)
	o.drop(f, packet.MTU)
}

// send sends a rewritten frame to dst by hop, whose packets have at most limit
// bytes: whole, or in fragments. If the next hop's Ethernet address is not known
// yet, the frame waits for it.
func (o *output) send(f *packet.Frame, hop *neigh.Hop, dst packet.Addr, limit uint16) {
	if o.largest != 0 || f.IPLen > limit {
		if o.largest != 0 {
			limit = min(limit, o.largest)
		}
		o.cut(f, hop, dst, limit)
		return
	}
	if hop.Reason == packet.Neighbor {
		o.wait(f, hop.Interface, hop.NextHop(dst))
		return
	}
	o.emit(f, hop)
}

// emit writes the Ethernet addresses of a frame that leaves by hop in one piece.
func (o *output) emit(f *packet.Frame, hop *neigh.Hop) {
	hop.Touch()
	packet.Eth(f.Bytes()).SetAddrs(&hop.Dst, &hop.Src)
	f.Out = hop.Interface
	f.Verdict = packet.Tx
}

// cut sends a rewritten packet in fragments of at most limit bytes.
func (o *output) cut(f *packet.Frame, hop *neigh.Hop, dst packet.Addr, limit uint16) {
	s, ok := fragment.Split(f.Bytes(), int(limit))
	if !ok {
		o.drop(f, packet.MTU)
		return
	}
	o.tapCause(f, TapPiece)
	for n := s.Next(o.frame[:]); n > 0; n = s.Next(o.frame[:]) {
		o.dispatch(o.frame[:n], hop, dst)
	}
	f.Verdict, f.Reason, f.Out = packet.Moved, packet.MTU, hop.Interface
}
