package ftp

import "director/packet"

// ChecksumOK reports whether the TCP checksum of f is correct. Precondition: f is a
// parsed TCP frame.
func ChecksumOK(f *packet.Frame) bool {
	l4 := f.Transport()
	return packet.Sum(l4, pseudoSum(f.IP(), len(l4))) == 0xffff
}

func pseudoSum(ip packet.IPv4, length int) uint32 {
	return uint32(packet.PseudoSum(ip.Src(), ip.Dst(), packet.ProtoTCP, uint16(length)))
}

// Payload returns the data of a TCP segment. It returns false if the header length is
// invalid.
func Payload(l4 packet.L4) ([]byte, bool) {
	n := l4.TCPHeaderLen()
	if n < packet.TCPLen || n > len(l4) {
		return nil, false
	}
	return l4[n:], true
}

// Replace replaces payload[from:to] of the segment in f by text. The frame grows or
// shrinks within its chunk. It grows into the headroom if there is no room after it.
// Ethernet padding is removed. Replace updates the lengths and checksums.
//
// Replace recomputes the TCP checksum, so it must not change a segment with a wrong
// checksum. For such a segment it returns DropChecksum, and if there is no room
// DropRoom; the frame is then unchanged. Otherwise it returns Forward. Views of f
// that were taken before are invalid afterwards. Preconditions: f is a parsed TCP
// frame, from and to are within its payload, and text does not overlap the frame.
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
		// There may be no room after the frame: in a ring of packets the next packet
		// can follow directly.
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
