package nat

import (
	"math"

	"director/packet"
)

// Tunnel wraps a client's packet, of any protocol, for a real server. It writes an
// outer IPv4 header from the director's address src to the server's address dst, and
// the headers that t adds after it. The outer TTL is the inner TTL after its
// decrement. The outer TOS is the inner TOS, except that "congestion experienced"
// becomes "ECN-capable" (RFC 6040 §4.1 compatibility mode, as in the kernel's
// INET_ECN_encapsulate).
//
// If discover is set (pmtu_disc), the outer DF bit is the inner DF bit. Otherwise the
// outer DF bit is 0, so that routers can fragment the packet.
//
// The identification is 0 if DF is set (RFC 6864 §4.1). Otherwise it is id. As in the
// kernel, it is then never 0: for id 0 Tunnel writes 0x8000, which is as far as
// possible from the preceding and following identifications.
//
// Tunnel returns false and changes nothing if the headroom is too small or if the
// packet with t.Overhead() more bytes would be too long for IPv4.
func Tunnel(f *packet.Frame, t packet.Tunnel, src, dst packet.Addr, id uint16, discover bool) bool {
	inner, overhead := f.IP(), t.Overhead()
	length := int32(f.L3) + int32(f.IPLen)
	if f.IPLen > math.MaxUint16-overhead || !f.Push(int32(overhead)) {
		return false
	}
	// Drop the padding that Ethernet added to a short packet.
	f.Len = length + int32(overhead)
	inner.Forward(0)
	b := f.Bytes()
	copy(b[:packet.EthLen], b[overhead:][:packet.EthLen]) // the constant length avoids a call
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

// identify returns the identification and the flags of an outer header.
func identify(id uint16, df bool) (identification, flags uint16) {
	switch {
	case df:
		return 0, packet.IPv4DF
	case id == 0:
		return 1 << 15, 0
	}
	return id, 0
}

// protocols are the protocol numbers that the outer header contains.
var protocols = [...]uint8{packet.IPIP: packet.ProtoIPIP, packet.GUE: packet.ProtoUDP, packet.GRE: packet.ProtoGRE}

// The congestion field of the TOS byte (RFC 3168 §5).
const (
	ecnMask = 0x03
	ecnECT0 = 0x02
	ecnCE   = 0x03
)

// outerTOS returns the TOS of the outer header for an inner TOS of tos.
func outerTOS(tos uint8) uint8 {
	if tos&ecnMask == ecnCE {
		return tos&^ecnMask | ecnECT0
	}
	return tos
}
