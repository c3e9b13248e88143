package answer

import "director/packet"

const resetLen = packet.IPv4Len + packet.TCPLen

// ecnMask are the bits of ECN in the type of service. A reset without a connection does
// not copy them (tcp_v4_send_reset in net/ipv4/tcp_ipv4.c, since Linux 6.18).
const ecnMask = 0x03

// Reset writes a frame with a RST into buf and returns its length in bytes. It is the
// RST with which a host answers the TCP segment in f if it does not have the
// connection (RFC 9293 §3.10.7.1). Reset returns 0 if there is no answer. A RST gets
// none. A segment with a wrong checksum or header length gets none either, because
// the kernel drops it before it looks for a connection (tcp_v4_rcv). The Ethernet
// addresses are zero.
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
	ip.SetTOS(to.TOS() &^ ecnMask)
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

// sound reports whether the header length and the checksum of a segment are valid, so
// that the kernel would look for its connection.
func sound(ip packet.IPv4, segment packet.L4) bool {
	headerLen := segment.TCPHeaderLen()
	return headerLen >= packet.TCPLen && headerLen <= len(segment) && segmentSum(ip, segment) == 0xffff
}

// segmentSum returns the sum over a segment and its pseudo-header.
func segmentSum(ip packet.IPv4, segment packet.L4) uint16 {
	pseudo := packet.PseudoSum(ip.Src(), ip.Dst(), packet.ProtoTCP, uint16(len(segment)))
	return packet.Sum(segment, uint32(pseudo))
}

// sequenceLen returns the number of sequence numbers that a segment occupies (RFC
// 9293 §3.4).
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
