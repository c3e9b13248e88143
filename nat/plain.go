package nat

import "director/packet"

// Summed reports whether a plain frame of protocol proto has a transport
// checksum: a datagram of UDP may come without, and must not be masqueraded by
// PlainToServer or PlainToClient.
func Summed(p *packet.Plain, proto uint8) bool {
	return proto != packet.ProtoUDP || p.L4().UDPChecksum() != 0
}

// PlainToServer is ToServer for a plain frame of protocol proto.
// Precondition: Summed(p, proto).
func PlainToServer(p *packet.Plain, proto uint8, addr packet.Addr, port uint16) {
	delta := p.SwapDst(addr.V4())
	p.Forward(delta)
	mendPlain(p.L4(), proto, delta+p.SwapDstPort(port))
}

// PlainToClient is ToClient for a plain frame of protocol proto.
// Precondition: Summed(p, proto).
func PlainToClient(p *packet.Plain, proto uint8, addr packet.Addr, port uint16) {
	delta := p.SwapSrc(addr.V4())
	p.Forward(delta)
	mendPlain(p.L4(), proto, delta+p.SwapSrcPort(port))
}

// mendPlain is mend where there is a checksum.
func mendPlain(l4 packet.L4, proto uint8, delta packet.Delta) {
	if proto == packet.ProtoTCP {
		l4.SetTCPChecksum(delta.Apply(l4.TCPChecksum()))
		return
	}
	l4.SetUDPChecksum(written(delta.Apply(l4.UDPChecksum())))
}
