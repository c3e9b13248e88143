package dataplane

import (
	"director/dataplane/answer"
	"director/neigh"
	"director/packet"
)

// complain answers a packet with an ICMP error, if the packet may be answered and the
// rate limit allows it.
func (o *output) complain(f *packet.Frame, from packet.Addr, typ, code uint8, mtu uint16) {
	if !answer.Answerable(f) || !o.engine.limiter.Allow(f.Src, typ, code, o.now) {
		return
	}
	o.ident++
	o.tapCause(f, TapMade)
	n := answer.Error(o.frame[:], f, from, typ, code, mtu, o.ident)
	o.say(n, f.Src)
}

// reset answers a TCP segment with a reset, if it may be answered.
func (o *output) reset(f *packet.Frame) {
	if !answer.Answerable(f) {
		return
	}
	o.tapCause(f, TapMade)
	if n := answer.Reset(o.frame[:], f); n > 0 {
		o.say(n, f.Src)
	}
}

// refuse answers a packet as a host with a closed port does, and drops it.
func (o *output) refuse(f *packet.Frame) {
	switch f.Proto {
	case packet.ProtoTCP:
		o.reset(f)
	case packet.ProtoUDP:
		o.complain(f, f.Dst, packet.ICMPUnreachable, packet.CodePort, 0)
	default:
		o.toHost(f, packet.NoConnection) // the kernel sends the answer of the protocol
		return
	}
	o.drop(f, packet.NoConnection)
}

// here returns the address with which the director answers a packet that is not for a
// virtual address: the director's own address on the route to the sender.
func (o *output) here(f *packet.Frame) packet.Addr {
	return o.view.Hops.Route(f.Src).Source
}

// say sends the first n bytes of o.frame to an address.
func (o *output) say(n int, to packet.Addr) {
	hop := o.view.Hops.Route(to)
	if hop.Reason == packet.None || hop.Reason == packet.Neighbor {
		o.dispatch(o.frame[:n], hop, to)
	}
}

// dispatch sends a frame that the director made to dst by hop. The frame is complete
// except for its Ethernet addresses.
func (o *output) dispatch(data []byte, hop *neigh.Hop, dst packet.Addr) {
	if hop.Reason == packet.Neighbor {
		var cause *packet.Frame
		if o.tap != nil {
			cause = o.tap.cause
		}
		if o.keep(data, hop.Interface, hop.NextHop(dst), cause) {
			return
		}
		o.add(dropCount+int(packet.Neighbor), 1)
		if cause != nil {
			o.tap.own(data, o.tap.point, hop.Interface, packet.Neighbor)
		}
		return
	}
	hop.Touch()
	packet.Eth(data).SetAddrs(&hop.Dst, &hop.Src)
	reason := o.cross(data, hop.Interface)
	if o.tap != nil && o.tap.cause != nil {
		o.tap.own(data, o.tap.point, hop.Interface, reason)
	}
}
