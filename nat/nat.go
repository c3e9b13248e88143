// Package nat rewrites frames for their real server or their client: the
// forwarding methods of LVS.
//
//	masquerading     client → server: destination address and port
//	                 server → client: source address and port
//	direct routing   nothing but the Ethernet header
//	tunnelling       an outer IPv4 header in front (RFC 2003), and with GUE or
//	                 GRE what identifies it behind that (encap.go)
//
// All of them take one off the time to live. Checksums of TCP and UDP change by
// what the rewriting changed (RFC 1624), so a packet that came with a wrong one
// leaves with a wrong one. Every function works on one frame that packet.Parse
// has understood and changes nothing else.
//
// An ICMP error about a masqueraded connection has the packet that it quotes
// masqueraded too (error.go); the other methods forward it like any packet. A
// frame may be longer than packet.MaxFrame: a datagram put together from
// fragments.
package nat

import "director/packet"

// ToServer masquerades a client's packet: its destination becomes the real
// server.
func ToServer(f *packet.Frame, addr packet.Addr, port uint16) {
	ip, l4 := f.IP(), f.Transport()
	delta := packet.Delta(0).Replace32(ip.Dst(), addr.V4())
	ip.SetDst(addr.V4())
	ip.Forward(delta)
	from := l4.DstPort()
	l4.SetDstPort(port)
	mend(f, ip, l4, delta.Replace16(from, port), from != port)
}

// ToClient masquerades a real server's answer: its source becomes the virtual
// service.
func ToClient(f *packet.Frame, addr packet.Addr, port uint16) {
	ip, l4 := f.IP(), f.Transport()
	delta := packet.Delta(0).Replace32(ip.Src(), addr.V4())
	ip.SetSrc(addr.V4())
	ip.Forward(delta)
	from := l4.SrcPort()
	l4.SetSrcPort(port)
	mend(f, ip, l4, delta.Replace16(from, port), from != port)
}

// AddrToServer masquerades a client's packet without ports: only its destination
// address becomes the real server's.
func AddrToServer(f *packet.Frame, addr packet.Addr) {
	ip := f.IP()
	delta := packet.Delta(0).Replace32(ip.Dst(), addr.V4())
	ip.SetDst(addr.V4())
	ip.Forward(delta)
}

// AddrToClient masquerades a real server's packet without ports: only its source
// address becomes the virtual service's.
func AddrToClient(f *packet.Frame, addr packet.Addr) {
	ip := f.IP()
	delta := packet.Delta(0).Replace32(ip.Src(), addr.V4())
	ip.SetSrc(addr.V4())
	ip.Forward(delta)
}

// mend applies the change of addresses and ports to the transport checksum. A
// UDP datagram without one gets one, as in IPVS (ip_vs_proto_udp.c). SCTP's
// covers no addresses and cannot be mended: it is computed anew, and only where
// the port changed (ip_vs_proto_sctp.c).
func mend(f *packet.Frame, ip packet.IPv4, l4 packet.L4, delta packet.Delta, port bool) {
	switch f.Proto {
	case packet.ProtoTCP:
		l4.SetTCPChecksum(delta.Apply(l4.TCPChecksum()))
	case packet.ProtoUDP:
		mendUDP(ip, l4, delta)
	case packet.ProtoSCTP:
		if port {
			l4.UpdateSCTPChecksum()
		}
	}
}

func mendUDP(ip packet.IPv4, l4 packet.L4, delta packet.Delta) {
	if c := l4.UDPChecksum(); c == 0 {
		l4.SetUDPChecksum(sumUDP(ip, l4))
	} else {
		l4.SetUDPChecksum(written(delta.Apply(c)))
	}
}

// sumUDP returns the checksum of a datagram that has none.
func sumUDP(ip packet.IPv4, l4 packet.L4) uint16 {
	pseudo := packet.PseudoSum(ip.Src(), ip.Dst(), packet.ProtoUDP, uint16(len(l4)))
	return written(^packet.Sum(l4, uint32(pseudo)))
}

// written returns a checksum as UDP writes it, where 0 would mean "none" (RFC
// 768).
func written(c uint16) uint16 {
	if c == 0 {
		return 0xffff
	}
	return c
}

// Direct prepares a client's packet, of any protocol, for a real server that
// holds the virtual address itself.
func Direct(f *packet.Frame) { f.IP().Forward(0) }
