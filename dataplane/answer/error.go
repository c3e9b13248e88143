// Package answer writes the packets that the director itself sends to a client or a
// server: ICMP errors and TCP resets. They equal those of the kernel of an IPVS
// director. A Limiter limits the rate of ICMP errors.
//
// Answers are rare compared with forwarded packets. Nothing here allocates, but the
// limiter is shared by the workers and takes a lock.
package answer

import "director/packet"

// MaxLen is the length in bytes of the longest answer, Ethernet header included.
const MaxLen = packet.EthLen + maxError

const (
	// maxError is the longest IP packet that carries an error (RFC 1812
	// §4.3.2.3).
	maxError = 576
	errorLen = packet.IPv4Len + packet.ICMPLen
	maxQuote = maxError - errorLen

	ttl = 64

	// An error has the precedence "internetwork control" (RFC 1812 §4.3.2.5) and the
	// type of service of the original packet. The type of service is the four bits
	// of RFC 1349, which include the upper bit of the ECN field (IPTOS_TOS_MASK in
	// linux/ip.h).
	precedence = 0xc0
	tosMask    = 0x1e

	// icmpQueries has a bit for each ICMP type that is not an error. Among ICMP
	// messages, the kernel sends errors about these only (icmp_pointers in
	// net/ipv4/icmp.c).
	icmpQueries = 1<<0 | 1<<8 | 1<<13 | 1<<14 | 1<<15 | 1<<16 | 1<<17 | 1<<18
)

// Answerable reports whether f may be answered with an ICMP error (RFC 1122 §3.2.2).
// f must not be a fragment other than the first, and must not be an ICMP error. Its
// Ethernet and IP destinations must be unicast, and its source must be one host.
// Precondition: packet.Parse found an IPv4 header.
func Answerable(f *packet.Frame) bool {
	ip := f.IP()
	switch {
	case ip.FlagsOffset()&packet.IPv4OffsetMask != 0:
		return false
	case packet.Eth(f.Bytes()).Dst()[0]&1 != 0:
		return false
	case !oneHost(ip.Src()) || !oneHost(ip.Dst()):
		return false
	case ip.Proto() == packet.ProtoICMP:
		message := ip[ip.HeaderLen():]
		return len(message) > 0 && uint64(1)<<message[0]&icmpQueries != 0
	}
	return true
}

// oneHost reports whether the IPv4 address a can be one host on the network. It must
// not be "this network", loopback, multicast, reserved or broadcast (RFC 1122
// §3.2.1.3).
func oneHost(a uint32) bool {
	net := a >> 24
	return net != 0 && net != 127 && net < 224
}

// Error writes a frame with an ICMP error about the packet in f into buf and returns
// the length of the frame in bytes. The error has the type typ and the code code. Its
// source is from, its destination is the source of the packet, and it quotes the
// packet as it is in f. mtu is the MTU of the next hop if the packet is too long, and
// otherwise 0. The Ethernet addresses are zero. IPv4 options are not echoed.
//
// DF is clear and the error may be fragmented, so it needs an identification. id
// should come from a generator, as in the kernel.
//
// Preconditions: Answerable(f), len(buf) >= MaxLen.
func Error(buf []byte, f *packet.Frame, from packet.Addr, typ, code uint8, mtu, id uint16) int {
	original := f.IP()
	length := errorLen + min(len(original), maxQuote)
	ip := begin(buf, length)
	ip.SetTOS(precedence | original.TOS()&tosMask)
	ip.SetID(id)
	ip.SetProto(packet.ProtoICMP)
	ip.SetSrc(from.V4())
	ip.SetDst(original.Src())
	ip.UpdateChecksum()
	icmp := packet.ICMP(ip[packet.IPv4Len:])
	icmp.Set(typ, code, mtu)
	copy(icmp[packet.ICMPLen:], original)
	icmp.UpdateChecksum()
	return packet.EthLen + length
}

// begin writes the headers that are common to all answers into buf and returns a view
// of the IPv4 packet. length is the length of that packet in bytes.
func begin(buf []byte, length int) packet.IPv4 {
	clear(buf[:packet.EthLen])
	packet.Eth(buf).SetType(packet.EtherTypeIPv4)
	ip := packet.IPv4(buf[packet.EthLen : packet.EthLen+length])
	ip.Blank()
	ip.SetTotalLen(uint16(length))
	ip.SetTTL(ttl)
	return ip
}
