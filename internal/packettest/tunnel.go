package packettest

import (
	"bytes"
	"encoding/binary"

	"director/packet"
)

// guePort is the port of GUE in tests.
const guePort = 6080

// WithoutIdent returns a copy of a frame whose outer header has identification 0, if
// it is a tunnel's (IPIP, GRE, or GUE on port 6080), and what that was. In which order
// the packets of a batch get their identifications is open: what matters is that
// each gets another one.
func WithoutIdent(frame []byte) (masked []byte, ident uint16) {
	masked = bytes.Clone(frame)
	if len(masked) < packet.EthLen+packet.IPv4Len+packet.UDPLen || packet.Eth(masked).Type() != packet.EtherTypeIPv4 {
		return masked, 0
	}
	ip := packet.IPv4(masked[packet.EthLen:])
	switch proto := ip.Proto(); {
	case ip.HeaderLen() != packet.IPv4Len:
		return masked, 0
	case proto == packet.ProtoIPIP || proto == packet.ProtoGRE:
	case proto == packet.ProtoUDP && binary.BigEndian.Uint16(ip[packet.IPv4Len+2:]) == guePort:
	default:
		return masked, 0
	}
	ident = binary.BigEndian.Uint16(ip[4:])
	sum := ip[10:12]
	binary.BigEndian.PutUint16(sum, packet.Delta(0).Replace16(ident, 0).Apply(binary.BigEndian.Uint16(sum)))
	clear(ip[4:6])
	return masked, ident
}
