package replay_test

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/packet"
)

const tcpFlagLetters = "FSRPAU" // from the lowest bit on

// bytes builds the frame.
func (f *frame) bytes() []byte {
	if f.raw != nil {
		return f.raw
	}
	eth := &layers.Ethernet{SrcMAC: f.from[:], DstMAC: f.to[:], EthernetType: layers.EthernetTypeIPv4}
	if f.pkt.proto == "arp" {
		eth.EthernetType = layers.EthernetTypeARP
		return packettest.Serialize(eth, f.pkt.arp(f.from))
	}
	b := packettest.Serialize(append([]gopacket.SerializableLayer{eth}, f.pkt.layers()...)...)
	return append(b[:packet.EthLen], f.pkt.spoil(b[packet.EthLen:])...)
}

func (p *pkt) arp(from packet.MAC) *layers.ARP {
	return &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
		HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
		SourceHwAddress: from[:], SourceProtAddress: p.src.Addr().AsSlice(),
		DstHwAddress: make([]byte, 6), DstProtAddress: p.dst.Addr().AsSlice(),
	}
}

// layers returns the packet with lengths and checksums still to be computed.
func (p *pkt) layers() []gopacket.SerializableLayer {
	ip := &layers.IPv4{
		Version: 4, TTL: uint8(p.ttl), TOS: uint8(p.tos), Id: uint16(p.id),
		SrcIP: p.src.Addr().AsSlice(), DstIP: p.dst.Addr().AsSlice(),
	}
	if p.df {
		ip.Flags |= layers.IPv4DontFragment
	}
	if p.mf {
		ip.Flags |= layers.IPv4MoreFragments
	}
	stack := []gopacket.SerializableLayer{ip}
	switch p.proto {
	case "tcp":
		ip.Protocol = layers.IPProtocolTCP
		tcp := &layers.TCP{
			SrcPort: layers.TCPPort(p.src.Port()), DstPort: layers.TCPPort(p.dst.Port()),
			Seq: uint32(p.seq), Ack: uint32(p.ack), Window: uint16(p.win),
		}
		for i, flag := range tcpFlags(tcp) {
			*flag = strings.Contains(p.what, tcpFlagLetters[i:i+1])
		}
		stack = append(stack, tcp)
	case "udp":
		ip.Protocol = layers.IPProtocolUDP
		stack = append(stack, &layers.UDP{SrcPort: layers.UDPPort(p.src.Port()), DstPort: layers.UDPPort(p.dst.Port())})
	case "icmp":
		ip.Protocol = layers.IPProtocolICMPv4
		var kind, code uint8
		fmt.Sscanf(p.what, "%d/%d", &kind, &code)
		stack = append(stack, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, code), Id: uint16(p.seq)})
	case "ipip":
		ip.Protocol = layers.IPProtocolIPv4
		return append(stack, p.inner.layers()...)
	}
	return append(stack, gopacket.Payload(payload(int(p.length))))
}

// payload is what data there is: bytes that differ from their neighbours.
func payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func tcpFlags(t *layers.TCP) []*bool {
	return []*bool{&t.FIN, &t.SYN, &t.RST, &t.PSH, &t.ACK, &t.URG}
}

// spoil does to a correct IP packet what the line asks for.
func (p *pkt) spoil(b []byte) []byte {
	if at := p.checksumAt(); at > 0 && at+2 <= len(b) {
		switch sum := binary.BigEndian.Uint16(b[at:]); {
		case p.noSum:
			binary.BigEndian.PutUint16(b[at:], 0)
		case p.badSum:
			binary.BigEndian.PutUint16(b[at:], uint16((uint32(sum)+1)%0xffff))
		}
	}
	if p.cut == 0 || int(p.cut) > len(b) {
		return b
	}
	b = b[:p.cut]
	ip := packet.IPv4(b)
	binary.BigEndian.PutUint16(b[2:], uint16(p.cut))
	ip.SetChecksum(0)
	ip.SetChecksum(^packet.Sum(b[:packet.IPv4Len], 0))
	return b
}

// checksumAt returns where in the IP packet the transport's checksum is.
func (p *pkt) checksumAt() int {
	switch p.proto {
	case "tcp":
		return packet.IPv4Len + 16
	case "udp":
		return packet.IPv4Len + 6
	}
	return 0
}
