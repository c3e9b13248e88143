package packettest

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/packet"
)

// Frame describes a TCP or UDP frame over IPv4. Fields that are not set get a valid value:
// TTL 64, protocol TCP.
type Frame struct {
	DstMAC, SrcMAC packet.MAC
	VLAN           uint16 // 0: untagged
	Src, Dst       string // address:port
	UDP            bool
	Flags          string // of TCP: S, A, F, R, P in any combination
	Seq, Ack       uint32
	TTL, TOS       uint8
	ID             uint16
	DF, MF         bool   // don't fragment, more fragments
	Offset         uint16 // of a fragment, in units of 8 bytes; a later one has no transport header
	Options        int    // bytes of IPv4 options, a multiple of 4
	NoChecksum     bool
	Payload        []byte
}

// Bytes serialises the frame, padded to Ethernet's minimum of 60 bytes.
func (f Frame) Bytes() []byte {
	src, dst := netip.MustParseAddrPort(f.Src), netip.MustParseAddrPort(f.Dst)
	eth := &layers.Ethernet{SrcMAC: f.SrcMAC[:], DstMAC: f.DstMAC[:], EthernetType: layers.EthernetTypeIPv4}
	stack := []gopacket.SerializableLayer{eth}
	if f.VLAN != 0 {
		eth.EthernetType = layers.EthernetTypeDot1Q
		stack = append(stack, &layers.Dot1Q{VLANIdentifier: f.VLAN, Type: layers.EthernetTypeIPv4})
	}
	stack = append(stack, f.ipv4(src.Addr(), dst.Addr()))
	if f.Offset == 0 {
		stack = append(stack, f.transport(src.Port(), dst.Port()))
	}
	b := Serialize(append(stack, gopacket.Payload(f.Payload))...)
	if f.UDP && f.NoChecksum {
		at := len(b) - len(f.Payload) - 2 // the last field of the header
		b[at], b[at+1] = 0, 0
	}
	for len(b) < 60 {
		b = append(b, 0)
	}
	return b
}

func (f Frame) ipv4(src, dst netip.Addr) *layers.IPv4 {
	ip := &layers.IPv4{
		Version: 4, TTL: f.TTL, TOS: f.TOS, Id: f.ID, FragOffset: f.Offset, Protocol: layers.IPProtocolTCP,
		SrcIP: src.AsSlice(), DstIP: dst.AsSlice(),
	}
	if f.UDP {
		ip.Protocol = layers.IPProtocolUDP
	}
	if f.TTL == 0 {
		ip.TTL = 64
	}
	if f.DF {
		ip.Flags |= layers.IPv4DontFragment
	}
	if f.MF {
		ip.Flags |= layers.IPv4MoreFragments
	}
	for range f.Options {
		ip.Options = append(ip.Options, layers.IPv4Option{OptionType: 1}) // no operation
	}
	return ip
}

func (f Frame) transport(src, dst uint16) gopacket.SerializableLayer {
	if f.UDP {
		return &layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}
	}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(src), DstPort: layers.TCPPort(dst), Seq: f.Seq, Ack: f.Ack, Window: 512}
	for _, c := range f.Flags {
		switch c {
		case 'S':
			tcp.SYN = true
		case 'A':
			tcp.ACK = true
		case 'F':
			tcp.FIN = true
		case 'R':
			tcp.RST = true
		case 'P':
			tcp.PSH = true
		default:
			panic(fmt.Sprintf("flag %q", c))
		}
	}
	return tcp
}

// Serialize builds a frame from layers, with valid lengths and checksums. It panics on an
// error, which is a mistake in the test.
func Serialize(stack ...gopacket.SerializableLayer) []byte {
	var network gopacket.NetworkLayer
	for _, l := range stack {
		if n, ok := l.(gopacket.NetworkLayer); ok {
			network = n
		} else if l4, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			must(l4.SetNetworkLayerForChecksum(network))
		}
	}
	buf := gopacket.NewSerializeBuffer()
	must(gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...))
	return bytes.Clone(buf.Bytes())
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
