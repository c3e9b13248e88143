package nat

import (
	"encoding/binary"

	"director/packet"
)

// Summed reports whether a plain frame of protocol proto has a transport checksum. A
// UDP datagram can lack one. PlainToServer and PlainToClient must not masquerade such
// a datagram.
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

// PlainIPIP is Tunnel with IPIP for a plain frame. Unlike Tunnel it does not write
// the Ethernet addresses; the caller does. Preconditions: the headroom is at least 20
// bytes, and the packet is at least 20 bytes shorter than the longest IPv4 packet.
func PlainIPIP(f *packet.Frame, src, dst uint32, id uint16, discover bool) {
	f.Front().Forward(0)
	f.Off -= packet.IPv4Len
	f.Len = packet.EthLen + packet.IPv4Len + int32(f.IPLen)
	p := f.Front() // also contains the whole inner IPv4 header
	p.SetIPv4()
	outer, inner := (*[packet.IPv4Len]byte)(p[packet.EthLen:]), (*[packet.IPv4Len]byte)(p[packet.EthLen+packet.IPv4Len:])
	df := binary.BigEndian.Uint16(inner[6:])&packet.IPv4DF != 0
	ident, flags := identify(id, discover && df)
	packet.PutIPv4(outer,
		4<<28|packet.IPv4Len/4<<24|uint32(outerTOS(inner[1]))<<16|uint32(f.IPLen+packet.IPv4Len),
		uint32(ident)<<16|uint32(flags),
		uint32(inner[8])<<24|packet.ProtoIPIP<<16,
		src, dst)
}
