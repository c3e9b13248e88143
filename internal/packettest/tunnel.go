package packettest

import (
	"bytes"
	"encoding/binary"

	"director/packet"
)

// guePort is the port of GUE in tests.
const guePort = 6080

// WithoutIdent returns a copy of a frame with identification 0 in the outer header,
// if that is one of a tunnel (IPIP, GRE, or GUE on port 6080) or of an ICMP message,
// and the identification that a tunnel's had. The packets of a batch may get their
// identifications in any order; each tunnelled packet must get another one.
func WithoutIdent(frame []byte) (masked []byte, tunnel uint16) {
	masked = bytes.Clone(frame)
	if len(masked) < packet.EthLen+packet.IPv4Len || packet.Eth(masked).Type() != packet.EtherTypeIPv4 {
		return masked, 0
	}
	ip := packet.IPv4(masked[packet.EthLen:])
	switch proto := ip.Proto(); {
	case ip.HeaderLen() != packet.IPv4Len:
		return masked, 0
	case proto == packet.ProtoIPIP, proto == packet.ProtoGRE,
		proto == packet.ProtoUDP && mayBeGUE(ip):
		tunnel = binary.BigEndian.Uint16(ip[4:])
	case proto == packet.ProtoICMP:
	default:
		return masked, 0
	}
	sum, ident := ip[10:12], binary.BigEndian.Uint16(ip[4:])
	binary.BigEndian.PutUint16(sum, packet.Delta(0).Replace16(ident, 0).Apply(binary.BigEndian.Uint16(sum)))
	clear(ip[4:6])
	return masked, tunnel
}

// mayBeGUE reports whether a UDP packet carries GUE, or is a fragment that may.
func mayBeGUE(ip packet.IPv4) bool {
	if ip.FlagsOffset()&packet.IPv4OffsetMask != 0 {
		return true
	}
	return len(ip) >= packet.IPv4Len+packet.UDPLen && binary.BigEndian.Uint16(ip[packet.IPv4Len+2:]) == guePort
}
