package nat

import "director/packet"

// Summed reports whether a plain frame of protocol proto has a transport
// checksum: a datagram of UDP may come without, and must not be masqueraded by
// PlainToServer or PlainToClient.
func Summed(p *packet.Plain, proto uint8) bool {
	return proto != packet.ProtoUDP || p.UDPChecksum() != 0
}

// PlainToServer is ToServer for a plain frame of protocol proto.
// Precondition: Summed(p, proto).
func PlainToServer(p *packet.Plain, proto uint8, addr uint32, port uint16) {
	delta := p.SwapDst(addr)
	p.Forward(delta)
	p.Mend(proto, delta+p.SwapDstPort(port))
}

// PlainToClient is ToClient for a plain frame of protocol proto.
// Precondition: Summed(p, proto).
func PlainToClient(p *packet.Plain, proto uint8, addr uint32, port uint16) {
	delta := p.SwapSrc(addr)
	p.Forward(delta)
	p.Mend(proto, delta+p.SwapSrcPort(port))
}

// PlainIPIP is Tunnel with IPIP for a plain frame. It leaves the Ethernet
// addresses to be written. Precondition: f.Off and the packet leave room for 20
// bytes more.
func PlainIPIP(f *packet.Frame, src, dst uint32, id uint16, discover bool) {
	inner := f.Front()
	inner.Forward(0)
	f.Off -= packet.IPv4Len
	f.Len = packet.EthLen + packet.IPv4Len + int32(f.IPLen)
	ip := inner.IP()
	outer := packet.IPv4Fields{
		TOS: outerTOS(ip.TOS()), TTL: inner.TTL(), Proto: packet.ProtoIPIP,
		TotalLen: f.IPLen + packet.IPv4Len, Src: src, Dst: dst,
	}
	outer.ID, outer.FlagsOffset = identify(id, discover && ip.DF())
	front := f.Front()
	front.SetIPv4()
	front.IP().Write(&outer)
}
