package nat

import (
	"encoding/binary"
	"math/bits"

	"director/packet"
)

// The default range of local ports (net.ipv4.ip_local_port_range) without its last
// port, which the kernel's udp_flow_src_port never uses either.
const (
	firstLocalPort = 32768
	localPorts     = 60999 - firstLocalPort
)

// encapsulate writes the GUE or GRE headers between the outer IPv4 header and the
// inner packet. ip is the whole outer packet, and f is the flow of the inner packet.
func encapsulate(ip packet.IPv4, f *packet.Flow, t packet.Tunnel) {
	if t.Encap == packet.GRE {
		gre(ip[packet.IPv4Len:], t)
		return
	}
	gue(ip, packet.L4(ip[packet.IPv4Len:]), FlowPort(f), t)
}

// gue writes the UDP and GUE headers.
func gue(ip packet.IPv4, udp packet.L4, from uint16, t packet.Tunnel) {
	udp.SetSrcPort(from)
	udp.SetDstPort(t.Port)
	udp.SetUDPLen(uint16(len(udp)))
	udp.SetUDPChecksum(0)
	binary.BigEndian.PutUint32(udp[packet.UDPLen:], packet.GUEHeader)
	if t.Checksum != packet.WithoutChecksum {
		udp.SetUDPChecksum(sumUDP(ip, udp))
	}
}

// gre writes the GRE header. Its checksum covers the header and the inner packet.
func gre(b []byte, t packet.Tunnel) {
	if t.Checksum == packet.WithoutChecksum {
		binary.BigEndian.PutUint32(b, packet.GREHeader)
		return
	}
	binary.BigEndian.PutUint32(b, packet.GREHeader|packet.GREChecksum)
	clear(b[packet.GRELen : packet.GRELen+packet.GREChecksumLen])
	binary.BigEndian.PutUint16(b[packet.GRELen:], ^packet.Sum(b, 0))
}

// FlowPort returns the source port of GUE for a flow. Routers and the server's NIC
// see only the outer ports. With one port per flow they spread the flows and keep the
// packets of each flow in order. Every director computes the same port.
func FlowPort(f *packet.Flow) uint16 {
	h := f.Src.Hi ^ f.Src.Lo ^ bits.RotateLeft64(f.Dst.Hi^f.Dst.Lo, 32)
	h ^= uint64(f.Proto)<<32 | uint64(f.SrcPort)<<16 | uint64(f.DstPort)
	// The finalizer of MurmurHash3: every input bit affects every output bit.
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return firstLocalPort + uint16(h>>32*localPorts>>32)
}
