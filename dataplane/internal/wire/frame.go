package wire

import (
	"net/netip"

	"director/packet"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Packet describes a frame to be built: UDP, or TCP (a SYN), over IPv4.
type Packet struct {
	SrcMAC, DstMAC packet.MAC
	Src, Dst       string // ADDRESS:PORT
	TCP            bool
	VLAN           uint16 // 0: untagged
	Options        int    // words of IPv4 options
	More           bool   // more fragments
	Offset         uint16 // of the fragment, in units of 8 bytes; then there is no UDP or TCP header
	Payload        []byte
}

// Bytes builds the frame with valid lengths and checksums.
func (p Packet) Bytes() []byte {
	src, dst := netip.MustParseAddrPort(p.Src), netip.MustParseAddrPort(p.Dst)
	ip := &layers.IPv4{
		Version: 4, TTL: 64, Id: 1, Protocol: layers.IPProtocolUDP, FragOffset: p.Offset,
		SrcIP: src.Addr().AsSlice(), DstIP: dst.Addr().AsSlice(),
	}
	if p.TCP {
		ip.Protocol = layers.IPProtocolTCP
	}
	if p.More {
		ip.Flags = layers.IPv4MoreFragments
	}
	for range p.Options * 4 {
		ip.Options = append(ip.Options, layers.IPv4Option{OptionType: 1}) // no operation
	}
	eth := &layers.Ethernet{
		SrcMAC: p.SrcMAC[:], DstMAC: p.DstMAC[:], EthernetType: layers.EthernetTypeIPv4,
	}
	stack := []gopacket.SerializableLayer{eth}
	if p.VLAN != 0 {
		eth.EthernetType = layers.EthernetTypeDot1Q
		stack = append(stack, &layers.Dot1Q{VLANIdentifier: p.VLAN, Type: layers.EthernetTypeIPv4})
	}
	stack = append(stack, ip)
	switch {
	case p.Offset != 0:
	case p.TCP:
		tcp := &layers.TCP{SrcPort: layers.TCPPort(src.Port()), DstPort: layers.TCPPort(dst.Port()), SYN: true, Window: 1024}
		check(tcp.SetNetworkLayerForChecksum(ip))
		stack = append(stack, tcp)
	default:
		udp := &layers.UDP{SrcPort: layers.UDPPort(src.Port()), DstPort: layers.UDPPort(dst.Port())}
		check(udp.SetNetworkLayerForChecksum(ip))
		stack = append(stack, udp)
	}
	return Serialize(append(stack, gopacket.Payload(p.Payload))...)
}

// Serialize builds a frame of layers, with valid lengths and checksums.
func Serialize(stack ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	check(gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...))
	return buf.Bytes()
}

// check panics: a frame that cannot be built is a mistake in the test.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
