package answer

import "director/packet"

const resetLen = packet.IPv4Len + packet.TCPLen

// Reset writes a frame with the RST that a host without the connection answers
// the TCP segment of f with (RFC 9293 §3.10.7.1) into buf and returns its length
// in bytes. It returns 0 where there is no answer: to a RST, and to a segment
// whose checksum or header length is wrong, which the kernel drops before it
// looks for a connection (tcp_v4_rcv). Ethernet addresses are left zero.
//
// DF is set, so the identification is 0 (RFC 6864 §4.1). Preconditions:
// packet.Parse returned None, the packet is TCP, Answerable(f), len(buf) >=
// MaxLen.
func Reset(buf []byte, f *packet.Frame) int {
	to, segment := f.IP(), f.Transport()
	if f.TCPFlags&packet.RST != 0 || !sound(to, segment) {
		return 0
	}
	ip := begin(buf, resetLen)
	ip.SetTOS(to.TOS())
	ip.SetFlagsOffset(packet.IPv4DF)
	ip.SetProto(packet.ProtoTCP)
	ip.SetSrc(to.Dst())
	ip.SetDst(to.Src())
	ip.UpdateChecksum()
	reset := packet.L4(ip[packet.IPv4Len:])
	clear(reset)
	reset.SetSrcPort(f.DstPort)
	reset.SetDstPort(f.SrcPort)
	if f.TCPFlags&packet.ACK != 0 {
		reset.SetSeq(segment.Ack())
		reset.SetTCPFlags(packet.RST, packet.TCPLen)
	} else {
		reset.SetAck(segment.Seq() + sequenceLen(f.TCPFlags, segment))
		reset.SetTCPFlags(packet.RST|packet.ACK, packet.TCPLen)
	}
	reset.SetTCPChecksum(^segmentSum(ip, reset))
	return packet.EthLen + resetLen
}

// sound reports whether the kernel would look for the connection of a segment.
func sound(ip packet.IPv4, segment packet.L4) bool {
	headerLen := segment.TCPHeaderLen()
	return headerLen >= packet.TCPLen && headerLen <= len(segment) && segmentSum(ip, segment) == 0xffff
}

// segmentSum is the sum over a segment and its pseudo-header.
func segmentSum(ip packet.IPv4, segment packet.L4) uint16 {
	pseudo := packet.PseudoSum(ip.Src(), ip.Dst(), packet.ProtoTCP, uint16(len(segment)))
	return packet.Sum(segment, uint32(pseudo))
}

// sequenceLen is how many sequence numbers a segment takes (RFC 9293 §3.4).
func sequenceLen(flags uint8, segment packet.L4) uint32 {
	n := uint32(len(segment) - segment.TCPHeaderLen())
	if flags&packet.SYN != 0 {
		n++
	}
	if flags&packet.FIN != 0 {
		n++
	}
	return n
}
