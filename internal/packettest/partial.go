package packettest

import (
	"bytes"
	"encoding/binary"

	"director/packet"
)

// Partial returns a copy of an untagged IPv4 frame with the checksum that a stack leaves to
// its interface. The field of TCP and UDP gets the sum of the pseudo-header, not inverted
// (CHECKSUM_PARTIAL in linux/skbuff.h). The field of SCTP gets 0.
func Partial(frame []byte) []byte {
	b := bytes.Clone(frame)
	at := packet.EthLen + int(b[packet.EthLen]&15)*4
	segment := int(binary.BigEndian.Uint16(b[packet.EthLen+2:])) - (at - packet.EthLen)
	proto := b[packet.EthLen+9]
	pseudo := append(bytes.Clone(b[packet.EthLen+12:packet.EthLen+20]), 0, proto, byte(segment>>8), byte(segment))
	switch proto {
	case packet.ProtoTCP:
		binary.BigEndian.PutUint16(b[at+16:], ones(pseudo))
	case packet.ProtoUDP:
		binary.BigEndian.PutUint16(b[at+6:], ones(pseudo))
	case packet.ProtoSCTP:
		clear(b[at+8 : at+12])
	}
	return b
}
