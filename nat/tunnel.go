package nat

import (
	"math"

	"director/packet"
)

// Tunnel wraps a client's packet, of any protocol, for a real server: an outer
// IPv4 header from the director's address to the server's, with the inner
// packet's TTL after its decrement and its TOS (congestion experienced becomes
// ECN-capable, RFC 6040 §4.1 compatibility as in the kernel's
// INET_ECN_encapsulate), and behind it what t puts there. Where discover is set
// (pmtu_disc), the outer header has the inner one's DF bit, else none, so that it
// may be fragmented on its way.
//
// The identification is 0 where DF is set (RFC 6864 §4.1). Otherwise it is id,
// but never 0, like the kernel's: half the numbers' circle away from its
// neighbours takes its place.
//
// It reports false, with nothing changed, when the frame has no headroom or the
// packet no room for t.Overhead() bytes more.
func Tunnel(f *packet.Frame, t packet.Tunnel, src, dst packet.Addr, id uint16, discover bool) bool {
	inner, overhead := f.IP(), t.Overhead()
	length := int32(f.L3) + int32(f.IPLen)
	if f.IPLen > math.MaxUint16-overhead || !f.Push(int32(overhead)) {
		return false
	}
	// Padding that Ethernet added behind a short packet would become part of
	// a longer one.
	f.Len = length + int32(overhead)
	inner.Forward(0)
	b := f.Bytes()
	copy(b[:packet.EthLen], b[overhead:][:packet.EthLen]) // of constant length: no call
	outer := packet.IPv4Fields{
		TOS: outerTOS(inner.TOS()), TTL: inner.TTL(), Proto: protocols[t.Encap],
		TotalLen: f.IPLen + overhead, Src: src.V4(), Dst: dst.V4(),
	}
	outer.ID, outer.FlagsOffset = identify(id, discover && inner.DF())
	ip := packet.IPv4(b[packet.EthLen:])
	ip.Write(&outer)
	if t.Encap != packet.IPIP {
		encapsulate(ip, &f.Flow, t)
	}
	return true
}

// identify returns the identification of an outer header and its flags.
func identify(id uint16, df bool) (identification, flags uint16) {
	switch {
	case df:
		return 0, packet.IPv4DF
	case id == 0:
		return 1 << 15, 0
	}
	return id, 0
}

// protocols are what the outer header says of what is behind it.
var protocols = [...]uint8{packet.IPIP: packet.ProtoIPIP, packet.GUE: packet.ProtoUDP, packet.GRE: packet.ProtoGRE}

// The congestion field of the TOS byte (RFC 3168 §5).
const (
	ecnMask = 0x03
	ecnECT0 = 0x02
	ecnCE   = 0x03
)

// outerTOS returns the TOS of the outer header around a packet of TOS tos.
func outerTOS(tos uint8) uint8 {
	if tos&ecnMask == ecnCE {
		return tos&^ecnMask | ecnECT0
	}
	return tos
}
