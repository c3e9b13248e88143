// Package nat rewrites frames for their real server or their client: the
// forwarding methods of LVS.
//
//	masquerading     client → server: destination address and port
//	                 server → client: source address and port
//	direct routing   nothing but the Ethernet header
//	tunnelling       an outer IPv4 header in front (RFC 2003)
//
// All of them take one off the time to live. Checksums change by what the
// rewriting changed (RFC 1624), so a packet that came with a wrong one leaves
// with a wrong one. Every function works on one frame that packet.Parse has
// understood and changes nothing else.
package nat

import (
	"encoding/binary"

	"director/packet"
)

// ToServer masquerades a client's packet: its destination becomes the real
// server.
func ToServer(f *packet.Frame, addr packet.Addr, port uint16) {
	ip, l4 := f.IP(), f.Transport()
	delta := packet.Delta(0).Replace32(ip.Dst(), addr.V4())
	ip.SetDst(addr.V4())
	ip.Forward(delta)
	delta = delta.Replace16(l4.DstPort(), port)
	l4.SetDstPort(port)
	mend(f, ip, l4, delta)
}

// ToClient masquerades a real server's answer: its source becomes the virtual
// service.
func ToClient(f *packet.Frame, addr packet.Addr, port uint16) {
	ip, l4 := f.IP(), f.Transport()
	delta := packet.Delta(0).Replace32(ip.Src(), addr.V4())
	ip.SetSrc(addr.V4())
	ip.Forward(delta)
	delta = delta.Replace16(l4.SrcPort(), port)
	l4.SetSrcPort(port)
	mend(f, ip, l4, delta)
}

// mend applies the change of addresses and ports to the transport checksum. A
// UDP datagram without one gets one, as in IPVS (ip_vs_proto_udp.c).
func mend(f *packet.Frame, ip packet.IPv4, l4 packet.L4, delta packet.Delta) {
	if f.Proto == packet.ProtoTCP {
		l4.SetTCPChecksum(delta.Apply(l4.TCPChecksum()))
		return
	}
	c := l4.UDPChecksum()
	if c == 0 {
		length := uint16(len(l4))
		c = ^packet.Sum(l4, uint32(packet.PseudoSum(ip.Src(), ip.Dst(), packet.ProtoUDP, length)))
	} else {
		c = delta.Apply(c)
	}
	if c == 0 {
		c = 0xffff // 0 would mean "no checksum" (RFC 768)
	}
	l4.SetUDPChecksum(c)
}

// Direct prepares a client's packet for a real server that holds the virtual
// address itself.
func Direct(f *packet.Frame) { f.IP().Forward(0) }

// IPIPLen is the length in bytes of the outer header that Tunnel adds.
const IPIPLen = packet.IPv4Len

// Tunnel wraps a client's packet for a real server: an outer IPv4 header from
// the director's address to the server's, with the inner packet's TTL after
// its decrement, its DF bit and its TOS (congestion experienced becomes
// ECN-capable, RFC 6040 §4.1 compatibility as in the kernel's
// INET_ECN_encapsulate). The identification is 0 where DF is set (RFC 6864
// §4.1) and id otherwise. It reports false, with nothing changed, when the
// frame has no headroom.
func Tunnel(f *packet.Frame, src, dst packet.Addr, id uint16) bool {
	inner, length := f.IP(), int32(f.L3)+int32(f.IPLen)
	if !f.Push(IPIPLen) {
		return false
	}
	// Padding that Ethernet added behind a short packet would become part of
	// a longer one.
	f.Len = length + IPIPLen
	inner.Forward(0)
	b := f.Bytes()
	copy(b[:packet.EthLen], b[IPIPLen:IPIPLen+packet.EthLen])
	outer := packet.IPv4(b[packet.EthLen : packet.EthLen+IPIPLen])
	fragment := uint16(0)
	if inner.DF() {
		fragment, id = packet.IPv4DF, 0
	}
	tos := inner.TOS()
	if tos&ecnMask == ecnCE {
		tos = tos&^ecnMask | ecnECT0
	}
	outer[0] = 4<<4 | packet.IPv4Len/4
	outer[1] = tos
	binary.BigEndian.PutUint16(outer[2:], f.IPLen+IPIPLen)
	binary.BigEndian.PutUint16(outer[4:], id)
	binary.BigEndian.PutUint16(outer[6:], fragment)
	outer[8] = inner.TTL()
	outer[9] = packet.ProtoIPIP
	outer.SetChecksum(0)
	outer.SetSrc(src.V4())
	outer.SetDst(dst.V4())
	outer.SetChecksum(^packet.Sum(outer, 0))
	return true
}

// The congestion field of the TOS byte (RFC 3168 §5).
const (
	ecnMask = 0x03
	ecnECT0 = 0x02
	ecnCE   = 0x03
)
