// Package nat rewrites frames for a real server or a client. It implements the
// forwarding methods of LVS.
//
//	masquerading     client → server: destination address and port
//	                 server → client: source address and port
//	direct routing   only the Ethernet header
//	tunnelling       adds an outer IPv4 header (RFC 2003); GUE and GRE add
//	                 their own header after it (encap.go)
//
// All methods decrement the time to live. The checksums of TCP and UDP are updated by
// the difference (RFC 1624), so a packet that arrives with a wrong checksum leaves
// with a wrong one. Every function works on one frame that packet.Parse accepted, and
// changes nothing else.
//
// For an ICMP error about a masqueraded connection, the quoted packet is masqueraded
// too (error.go). The other methods forward ICMP errors like any packet. A frame can
// be longer than packet.MaxFrame if it contains a datagram that was reassembled from
// fragments.
package nat

import "director/packet"

// ToServer masquerades a client's packet. The destination becomes the real server.
func ToServer(f *packet.Frame, addr packet.Addr, port uint16) {
	ip, l4 := f.IP(), f.Transport()
	delta := packet.Delta(0).Replace32(ip.Dst(), addr.V4())
	ip.SetDst(addr.V4())
	ip.Forward(delta)
	from := l4.DstPort()
	l4.SetDstPort(port)
	mend(f, ip, l4, delta.Replace16(from, port), from != port)
}

// ToClient masquerades a real server's answer. The source becomes the virtual
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

// AddrToServer masquerades a client's packet but does not change its ports: only the
// destination address becomes that of the real server.
func AddrToServer(f *packet.Frame, addr packet.Addr) {
	ip := f.IP()
	delta := packet.Delta(0).Replace32(ip.Dst(), addr.V4())
	ip.SetDst(addr.V4())
	ip.Forward(delta)
}

// AddrToClient masquerades a real server's packet but does not change its ports: only
// the source address becomes that of the virtual service.
func AddrToClient(f *packet.Frame, addr packet.Addr) {
	ip := f.IP()
	delta := packet.Delta(0).Replace32(ip.Src(), addr.V4())
	ip.SetSrc(addr.V4())
	ip.Forward(delta)
}

// mend updates the transport checksum after the change of address and port. delta is
// this change, and port reports whether the port changed. A UDP datagram without a
// checksum gets one, as in IPVS (ip_vs_proto_udp.c). The checksum of SCTP does not
// cover addresses and cannot be updated by the difference. It is recomputed if the
// port changed (ip_vs_proto_sctp.c).
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
		l4.SetUDPChecksum(packet.Written(delta.Apply(c)))
	}
}

// sumUDP returns the checksum of a UDP datagram whose checksum field is 0.
func sumUDP(ip packet.IPv4, l4 packet.L4) uint16 {
	pseudo := packet.PseudoSum(ip.Src(), ip.Dst(), packet.ProtoUDP, uint16(len(l4)))
	return packet.Written(^packet.Sum(l4, uint32(pseudo)))
}

// Direct prepares a client's packet, of any protocol, for a real server that has the
// virtual address configured.
func Direct(f *packet.Frame) { f.IP().Forward(0) }
