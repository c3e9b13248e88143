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

var protocols = map[string]layers.IPProtocol{
	"tcp": layers.IPProtocolTCP, "udp": layers.IPProtocolUDP, "sctp": layers.IPProtocolSCTP,
	"icmp": layers.IPProtocolICMPv4, "esp": layers.IPProtocolESP, "ah": layers.IPProtocolAH,
	"ipip": layers.IPProtocolIPv4, "gue": layers.IPProtocolUDP, "gre": layers.IPProtocolGRE,
}

// minFrame is the least length of a frame on the wire, without its check sequence.
const minFrame = 60

// gueHeader is the header of GUE version 0 without options, for an IPv4 packet.
var gueHeader = []byte{0, 4, 0, 0}

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
	b := append(packettest.Serialize(eth)[:packet.EthLen], f.pkt.bytes()...)
	for len(b) < minFrame && !f.unpadded {
		b = append(b, 0)
	}
	return b
}

func (p *pkt) arp(from packet.MAC) *layers.ARP {
	return &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4,
		HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
		SourceHwAddress: from[:], SourceProtAddress: p.src.Addr().AsSlice(),
		DstHwAddress: make([]byte, 6), DstProtAddress: p.dst.Addr().AsSlice(),
	}
}

// bytes builds the packet.
func (p *pkt) bytes() []byte {
	body := p.body()
	ip := p.ipv4(ends{p.src, p.dst})
	if f := p.fragment; f != (fragment{}) {
		ip.FragOffset = uint16(f.offset / 8)
		end := min(f.offset+f.length, len(body))
		if f.more || end < len(body) {
			ip.Flags |= layers.IPv4MoreFragments
		}
		body = body[min(f.offset, end):end]
	}
	b := packettest.Serialize(ip, gopacket.Payload(body))
	if p.cut > 0 && int(p.cut) < len(b) {
		b = b[:p.cut]
		ip := packet.IPv4(b)
		binary.BigEndian.PutUint16(b[2:], uint16(p.cut))
		ip.SetChecksum(0)
		ip.SetChecksum(^packet.Sum(b[:packet.IPv4Len], 0))
	}
	if p.quote > 0 && int(p.quote) < len(b) {
		b = b[:p.quote]
	}
	return b
}

// ipv4 builds the header of a packet between two addresses.
func (p *pkt) ipv4(e ends) *layers.IPv4 {
	ip := &layers.IPv4{
		Version: 4, TTL: uint8(p.ttl), TOS: uint8(p.tos), Id: uint16(p.id), Protocol: protocols[p.proto],
		SrcIP: e.src.Addr().AsSlice(), DstIP: e.dst.Addr().AsSlice(), Options: ipOptions(p.options),
	}
	if p.df {
		ip.Flags |= layers.IPv4DontFragment
	}
	return ip
}

// body builds the part after the IP header, before it is cut into fragments.
func (p *pkt) body() []byte {
	if len(p.hex) > 0 {
		return append(make([]byte, p.fragment.offset), p.hex...)
	}
	e := p.summed
	if !e.src.IsValid() {
		e = ends{p.src, p.dst}
	}
	ip := p.ipv4(e)
	b := packettest.Serialize(append([]gopacket.SerializableLayer{ip}, p.transport(e)...)...)
	b = b[packet.IPv4Len+len(p.options):]
	if p.ports() {
		binary.BigEndian.PutUint16(b, p.src.Port())
		binary.BigEndian.PutUint16(b[2:], p.dst.Port())
	}
	p.spoil(b)
	return b
}

// transport returns the layers after the IP header, without their checksums.
func (p *pkt) transport(e ends) []gopacket.SerializableLayer {
	load := p.payload()
	switch p.proto {
	case "tcp":
		tcp := &layers.TCP{
			SrcPort: layers.TCPPort(e.src.Port()), DstPort: layers.TCPPort(e.dst.Port()),
			Seq: uint32(p.seq), Ack: uint32(p.ack), Window: uint16(p.win), Options: tcpOptions(p.tcpOptions),
		}
		for i, flag := range tcpFlags(tcp) {
			*flag = strings.Contains(p.what, tcpFlagLetters[i:i+1])
		}
		return []gopacket.SerializableLayer{tcp, load}
	case "udp", "gue":
		udp := &layers.UDP{SrcPort: layers.UDPPort(e.src.Port()), DstPort: layers.UDPPort(e.dst.Port())}
		return []gopacket.SerializableLayer{udp, load}
	case "sctp":
		sctp := &layers.SCTP{
			SrcPort: layers.SCTPPort(e.src.Port()), DstPort: layers.SCTPPort(e.dst.Port()), VerificationTag: uint32(p.seq),
		}
		list, _ := chunks(p.what, load)
		return []gopacket.SerializableLayer{sctp, gopacket.Payload(list)}
	case "icmp":
		var kind, code uint8
		fmt.Sscanf(p.what, "%d/%d", &kind, &code)
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, code), Id: uint16(p.seq), Seq: uint16(p.mtu)}
		return []gopacket.SerializableLayer{icmp, load}
	case "gre":
		gre := &layers.GRE{Protocol: layers.EthernetTypeIPv4, ChecksumPresent: bool(p.csum)}
		return []gopacket.SerializableLayer{gre, load}
	}
	return []gopacket.SerializableLayer{load}
}

// payload returns the payload of the transport: a packet, a text, or a pattern of bytes
// that differ from their neighbours.
func (p *pkt) payload() gopacket.Payload {
	switch {
	case p.proto == "gue":
		return append(gueHeader[:len(gueHeader):len(gueHeader)], p.inner.bytes()...)
	case p.inner != nil:
		return p.inner.bytes()
	case p.data != "":
		return []byte(p.data)
	}
	return pattern(int(p.length))
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func tcpFlags(t *layers.TCP) []*bool {
	return []*bool{&t.FIN, &t.SYN, &t.RST, &t.PSH, &t.ACK, &t.URG}
}

func ipOptions(b []byte) (list []layers.IPv4Option) {
	for len(b) > 0 {
		o := layers.IPv4Option{OptionType: b[0]}
		n := optionLength(b)
		if n > 1 {
			o.OptionLength, o.OptionData = uint8(n), b[2:n]
		}
		list, b = append(list, o), b[n:]
	}
	return list
}

func tcpOptions(b []byte) (list []layers.TCPOption) {
	for len(b) > 0 {
		o := layers.TCPOption{OptionType: layers.TCPOptionKind(b[0])}
		n := optionLength(b)
		if n > 1 {
			o.OptionData = b[2:n]
		}
		list, b = append(list, o), b[n:]
	}
	return list
}

// optionLength returns the length of the first option. In IP and in TCP, the end of the
// list and the no-operation are one byte.
func optionLength(b []byte) int {
	if b[0] <= 1 || len(b) < 2 {
		return 1
	}
	return min(max(int(b[1]), 2), len(b))
}

// spoil changes a correct checksum as the line asks for.
func (p *pkt) spoil(b []byte) {
	at, size := p.checksumAt()
	if size == 0 || at+size > len(b) {
		return
	}
	var sum uint32
	for _, c := range b[at : at+size] {
		sum = sum<<8 | uint32(c)
	}
	switch {
	case p.sum.given:
		sum = p.sum.value
	case bool(p.noSum):
		sum = 0
	case bool(p.badSum) && size == 2:
		sum = (sum + 1) % 0xffff
	case bool(p.badSum):
		sum++
	}
	for i := size; i > 0; i-- {
		b[at+i-1] = byte(sum)
		sum >>= 8
	}
}

// checksumAt returns the offset of the transport's checksum from the end of the IP
// header, and its length.
func (p *pkt) checksumAt() (at, size int) {
	switch p.proto {
	case "tcp":
		return 16, 2
	case "udp", "gue":
		return 6, 2
	case "icmp":
		return 2, 2
	case "sctp":
		return 8, 4
	}
	return 0, 0
}
