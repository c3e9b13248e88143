package packet

import (
	"encoding/binary"
	"hash/crc32"
)

// A network stack can leave the transport checksum of a packet to its interface. Linux
// calls such a checksum partial (CHECKSUM_PARTIAL, Documentation/networking/
// checksum-offloads.rst). The field of TCP and UDP then contains the sum of the
// pseudo-header, not inverted. The field of SCTP contains 0. A NIC completes the checksum.
// A virtual interface passes the packet on as it is.

// MayBePartial reports whether the checksum field of f has the value of a partial
// checksum. A complete checksum seldom has the same value: CompleteChecksum decides.
// Precondition: Parse returned None.
func (f *Frame) MayBePartial() bool {
	l4 := f.Bytes()[f.L4:]
	switch f.Proto {
	case ProtoTCP:
		return L4(l4).TCPChecksum() == f.pseudoSum()
	case ProtoUDP:
		return L4(l4).UDPChecksum() == f.pseudoSum()
	}
	return binary.LittleEndian.Uint32(l4[sctpChecksum:]) == 0
}

// pseudoSum returns the sum of the pseudo-header of f. It is never 0.
func (f *Frame) pseudoSum() uint16 {
	return PseudoSum(f.Src.V4(), f.Dst.V4(), f.Proto, f.IPLen-(f.L4-f.L3))
}

// ChecksumOK reports whether the transport checksum of f is correct. A UDP datagram
// without a checksum is correct. Precondition: Parse returned None.
func (f *Frame) ChecksumOK() bool {
	l4 := f.Transport()
	switch {
	case f.Proto == ProtoSCTP:
		return l4.sctpSum() == binary.LittleEndian.Uint32(l4[sctpChecksum:])
	case f.Proto == ProtoUDP && l4.UDPChecksum() == 0:
		return true
	}
	return Sum(l4, uint32(f.pseudoSum())) == 0xffff
}

// CompleteChecksum completes the transport checksum of f, unless it is correct already. It
// reports whether it changed the frame. Precondition: MayBePartial returned true.
func (f *Frame) CompleteChecksum() bool {
	l4, at := f.Transport(), tcpChecksum
	switch f.Proto {
	case ProtoSCTP:
		sum := l4.sctpSum()
		binary.LittleEndian.PutUint32(l4[sctpChecksum:], sum)
		return sum != 0
	case ProtoUDP:
		at = udpChecksum
	}
	// The checksum field contains the sum of the pseudo-header, so sum includes it.
	sum := Sum(l4, 0)
	if Fold(uint32(sum)+uint32(f.pseudoSum())) == 0xffff {
		return false
	}
	binary.BigEndian.PutUint16(l4[at:], Written(^sum))
	return true
}

// Written returns the value of a checksum field for the checksum c. A checksum of 0 is
// written as 0xffff, which is the same number (RFC 1071 §2). In UDP, 0 would mean that
// there is no checksum (RFC 768). The kernel does the same for every protocol
// (skb_checksum_help in net/core/dev.c).
func Written(c uint16) uint16 {
	if c == 0 {
		return 0xffff
	}
	return c
}

// sctpSum returns the checksum of the SCTP packet h (RFC 9260 §6.8), whatever its checksum
// field contains. h must end where the packet ends.
func (h L4) sctpSum() uint32 {
	sum := crc32.Update(0, castagnoli, h[:sctpChecksum])
	sum = crc32.Update(sum, castagnoli, noChecksum[:])
	return crc32.Update(sum, castagnoli, h[sctpChecksum+len(noChecksum):])
}

// noChecksum is the checksum field of an SCTP packet while its checksum is computed.
var noChecksum [4]byte
