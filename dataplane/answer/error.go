// Package answer writes what the director itself says to a client or a server:
// ICMP errors and TCP resets, as the kernel of an IPVS director writes them, and
// holds back ICMP errors that would be too many.
//
// Answers are rare beside forwarded packets. Nothing here allocates, but the
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

	// An error has the precedence "internetwork control" (RFC 1812 §4.3.2.5)
	// and the original's type of service, RFC 1349's four bits, which include
	// the upper one of the congestion field (IPTOS_TOS_MASK in linux/ip.h).
	precedence = 0xc0
	tosMask    = 0x1e

	// icmpQueries are the ICMP messages that are not errors, by type; the kernel
	// answers to these only (icmp_pointers in net/ipv4/icmp.c).
	icmpQueries = 1<<0 | 1<<8 | 1<<13 | 1<<14 | 1<<15 | 1<<16 | 1<<17 | 1<<18
)

// Answerable reports whether f may be answered with an ICMP error (RFC 1122
// §3.2.2): it is no later fragment and no ICMP error, was sent to this host alone
// on its link and by IP, and its source is one host. Precondition: packet.Parse
// found an IPv4 header.
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

// oneHost reports whether IPv4 address a may be a host on the network: not "this
// network", loopback, multicast, reserved or broadcast (RFC 1122 §3.2.1.3).
func oneHost(a uint32) bool {
	net := a >> 24
	return net != 0 && net != 127 && net < 224
}

// Error writes a frame with the ICMP error of type typ and code code about the
// packet of f into buf and returns its length in bytes. It comes from address
// from, goes to the packet's source and quotes the packet as it stands in f. mtu
// is the next hop's where a packet is too long, else 0. Ethernet addresses are
// left zero. An error may be fragmented, so it wants an identification: the
// kernel takes one from its generator, since DF is clear, and so should id come
// from one. IPv4 options are not echoed.
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

// begin writes into buf what every answer of length bytes begins with, and
// returns the view of its IPv4 packet.
func begin(buf []byte, length int) packet.IPv4 {
	clear(buf[:packet.EthLen])
	packet.Eth(buf).SetType(packet.EtherTypeIPv4)
	ip := packet.IPv4(buf[packet.EthLen : packet.EthLen+length])
	ip.Blank()
	ip.SetTotalLen(uint16(length))
	ip.SetTTL(ttl)
	return ip
}
