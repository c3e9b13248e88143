package afpacket_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 0xa}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 0xb}
)

func eth(t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: t}
}

func ip4(p layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Id: 0xfffe, Flags: layers.IPv4DontFragment, Protocol: p,
		SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{192, 0, 2, 10}}
}

func ip6(p layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: p,
		SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::10")}
}

// tcp is a segment with every flag that segmentation handles.
func tcp() *layers.TCP {
	return &layers.TCP{SrcPort: 40000, DstPort: 80, Seq: 0xfffffc00, Ack: 7, Window: 500,
		ACK: true, PSH: true, FIN: true, CWR: true,
		Options: []layers.TCPOption{{OptionType: layers.TCPOptionKindNop}, {OptionType: layers.TCPOptionKindNop},
			{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: make([]byte, 8)}}}
}

func udp() *layers.UDP { return &layers.UDP{SrcPort: 40000, DstPort: 9000} }

// payload returns n bytes that do not repeat soon.
func payload(n int) gopacket.Payload {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// decode returns the decoded frame. It fails the test if a header does not parse, or
// if a length or a checksum is wrong.
func decode(t testing.TB, frame []byte) gopacket.Packet {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
	if e := p.ErrorLayer(); e != nil {
		t.Fatalf("frame does not decode: %v\n% x", e.Error(), frame)
	}
	if p.TransportLayer() == nil {
		t.Fatalf("frame has no transport layer:\n% x", frame)
	}
	checkSums(t, p)
	return p
}

// checkSums verifies lengths and checksums with separate code.
func checkSums(t testing.TB, p gopacket.Packet) {
	t.Helper()
	l4 := append(bytes.Clone(p.TransportLayer().LayerContents()), p.TransportLayer().LayerPayload()...)
	var pseudo []byte
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		if got, want := int(ip.Length), len(ip.Contents)+len(l4); got != want {
			t.Fatalf("IPv4 length %d, want %d", got, want)
		}
		if s := slowSum(ip.Contents); s != 0xffff {
			t.Fatalf("IPv4 header sums to %#x, want 0xffff", s)
		}
		pseudo = append(append(pseudo, ip.SrcIP.To4()...), ip.DstIP.To4()...)
		pseudo = append(pseudo, 0, byte(ip.Protocol))
	case *layers.IPv6:
		if got, want := int(ip.Length), len(l4); got != want {
			t.Fatalf("IPv6 payload length %d, want %d", got, want)
		}
		pseudo = append(append(pseudo, ip.SrcIP.To16()...), ip.DstIP.To16()...)
		pseudo = append(pseudo, 0, byte(ip.NextHeader))
	}
	if u, ok := p.TransportLayer().(*layers.UDP); ok {
		if int(u.Length) != len(l4) {
			t.Fatalf("UDP length %d, want %d", u.Length, len(l4))
		}
		if u.Checksum == 0 {
			return // not in use
		}
	}
	pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(l4)))
	if s := slowSum(append(pseudo, l4...)); s != 0xffff {
		t.Fatalf("transport checksum: sums to %#x, want 0xffff", s)
	}
}

// slowSum computes the sum of RFC 1071 literally.
func slowSum(b []byte) uint16 {
	var s uint32
	for i, v := range b {
		if i%2 == 0 {
			s += uint32(v) << 8
		} else {
			s += uint32(v)
		}
		s = s&0xffff + s>>16
	}
	return uint16(s)
}
