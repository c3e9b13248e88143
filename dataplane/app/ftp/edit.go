package ftp

import "director/packet"

// ChecksumOK reports whether the TCP checksum of f is right. Precondition: f
// is a parsed TCP frame.
func ChecksumOK(f *packet.Frame) bool {
	l4 := f.Transport()
	return packet.Sum(l4, pseudoSum(f.IP(), len(l4))) == 0xffff
}

func pseudoSum(ip packet.IPv4, length int) uint32 {
	return uint32(packet.PseudoSum(ip.Src(), ip.Dst(), packet.ProtoTCP, uint16(length)))
}

// Payload returns the data of a TCP segment, or false when the header
// contradicts itself.
func Payload(l4 packet.L4) ([]byte, bool) {
	n := l4.TCPHeaderLen()
	if n < packet.TCPLen || n > len(l4) {
		return nil, false
	}
	return l4[n:], true
}

// Replace puts text in the place of payload[from:to] of the segment in f,
// which grows or shrinks within its chunk, into the headroom where there is no
// room behind it; Ethernet padding is lost. Lengths and checksums follow. The
// TCP checksum is computed anew, so a segment whose
// checksum is wrong must not be touched: that gets DropChecksum, and one that
// does not fit DropRoom, both unchanged; else Forward. Views of f taken before
// are void. Preconditions: f is a parsed TCP frame, from and to are within its
// payload, text lies elsewhere.
func Replace(f *packet.Frame, from, to int, text []byte) Action {
	if !ChecksumOK(f) {
		return DropChecksum
	}
	payload := int(f.Off) + int(f.L4) + f.Transport().TCPHeaderLen()
	end := int(f.Off) + int(f.L3) + int(f.IPLen)
	longer := len(text) - (to - from)
	length := int(f.IPLen) + longer
	switch {
	case length > 0xffff:
		return DropRoom
	case end+longer <= len(f.Buf):
		copy(f.Buf[payload+from+len(text):], f.Buf[payload+to:end])
	case f.Push(int32(longer)):
		// In a ring of packets the next one begins where this one ends.
		copy(f.Bytes(), f.Buf[int(f.Off)+longer:payload+from])
		payload -= longer
	default:
		return DropRoom
	}
	copy(f.Buf[payload+from:], text)

	delta := packet.Delta(0).Replace16(f.IPLen, uint16(length))
	f.IPLen = uint16(length)
	f.Len = int32(f.L3) + int32(length)
	ip, l4 := f.IP(), f.Transport()
	ip.SetTotalLen(uint16(length))
	ip.SetChecksum(delta.Apply(ip.Checksum()))
	l4.SetTCPChecksum(0)
	l4.SetTCPChecksum(^packet.Sum(l4, pseudoSum(ip, len(l4))))
	return Forward
}
