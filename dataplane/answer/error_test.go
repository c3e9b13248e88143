package answer_test

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/dataplane/answer"
	"director/internal/packettest"
	"director/packet"
)

const (
	client = "198.51.100.7:40000"
	vip    = "192.0.2.10:80"
)

var virtual = packet.MustAddr("192.0.2.10")

// parsed returns a parsed Frame that contains b. It fails the test if b has no IPv4
// header.
func parsed(t testing.TB, b []byte) *packet.Frame {
	t.Helper()
	buf := make([]byte, packet.Headroom+len(b))
	copy(buf[packet.Headroom:], b)
	f := &packet.Frame{Buf: buf, Off: packet.Headroom, Len: int32(len(b))}
	if packet.Parse(f); f.L3 == 0 {
		t.Fatalf("no IPv4 header in %x", b)
	}
	return f
}

// ipOf returns the IP packet of a frame without Ethernet padding.
func ipOf(frame []byte) []byte {
	ip := packet.IPv4(frame[packet.EthLen:])
	return ip[:ip.TotalLen()]
}

// icmp returns a frame with an ICMP message.
func icmp(src, dst string, typ, code uint8, body []byte) []byte {
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 60, Protocol: layers.IPProtocolICMPv4,
			SrcIP: netip.MustParseAddr(src).AsSlice(), DstIP: netip.MustParseAddr(dst).AsSlice()},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code)},
		gopacket.Payload(body))
}

// said calls Error with a buffer that is not zero and decodes the result with
// gopacket. It fails the test if a checksum is wrong.
func said(t testing.TB, f *packet.Frame, from packet.Addr, typ, code uint8, mtu, id uint16) (*layers.IPv4, *layers.ICMPv4) {
	t.Helper()
	buf := bytes.Repeat([]byte{0xa5}, answer.MaxLen+1)
	was := bytes.Clone(f.Buf)
	n := answer.Error(buf, f, from, typ, code, mtu, id)
	if buf[n] != 0xa5 {
		t.Error("Error wrote more bytes than it returned")
	}
	if !bytes.Equal(f.Buf, was) {
		t.Error("Error changed the original packet")
	}
	if want := append(make([]byte, 12), 8, 0); !bytes.Equal(buf[:14], want) {
		t.Errorf("Ethernet header %x, want %x", buf[:14], want)
	}
	p := gopacket.NewPacket(buf[:n], layers.LayerTypeEthernet, gopacket.Default)
	ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	m, _ := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if m == nil {
		t.Fatalf("no ICMP in %x", buf[:n])
	}
	if int(ip.Length) != n-packet.EthLen {
		t.Errorf("total length %d in a frame of %d", ip.Length, n)
	}
	for name, b := range map[string][]byte{"header": ip.Contents, "message": ip.Payload} {
		if sum := ones(b); sum != 0xffff {
			t.Errorf("%s sums to %#04x, want 0xffff", name, sum)
		}
	}
	return ip, m
}

// ones computes the sum of RFC 1071 in the simplest way.
func ones(b []byte) int {
	sum := 0
	for i, v := range b {
		sum += int(v) << (8 * (1 - i%2))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum
}

func TestError_QuotesThePacketToItsSender(t *testing.T) {
	for name, c := range map[string]struct {
		in     packettest.Frame
		length int
		tos    uint8
	}{
		"padded":  {packettest.Frame{UDP: true}, 28 + 28, 0xc0},
		"options": {packettest.Frame{Flags: "S", Options: 12}, 28 + 52, 0xc0},
		"fits":    {packettest.Frame{UDP: true, Payload: make([]byte, 520)}, 576, 0xc0},
		"too big": {packettest.Frame{Flags: "A", TOS: 0x2b, Payload: make([]byte, 1000)}, 576, 0xca},
		"64 KiB":  {packettest.Frame{UDP: true, TOS: 0xff, Payload: make([]byte, 65535-28)}, 576, 0xde},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Src, c.in.Dst = client, vip
			in := c.in.Bytes()
			ip, m := said(t, parsed(t, in), virtual, packet.ICMPUnreachable, packet.CodeFragNeeded, 1480, 4711)
			if ip.SrcIP.String() != "192.0.2.10" || ip.DstIP.String() != "198.51.100.7" || ip.TTL != 64 || ip.Id != 4711 || ip.Flags != 0 {
				t.Errorf("%s > %s ttl %d id %d flags %v", ip.SrcIP, ip.DstIP, ip.TTL, ip.Id, ip.Flags)
			}
			if int(ip.Length) != c.length || ip.TOS != c.tos {
				t.Errorf("length %d tos %#x, want %d %#x", ip.Length, ip.TOS, c.length, c.tos)
			}
			if m.TypeCode.Type() != 3 || m.TypeCode.Code() != 4 || m.Id != 0 || m.Seq != 1480 {
				t.Errorf("%v, %d, mtu %d; want 3/4, 0, 1480", m.TypeCode, m.Id, m.Seq)
			}
			if want := ipOf(in)[:c.length-28]; !bytes.Equal(m.Payload, want) {
				t.Errorf("quotes %x\nwant   %x", m.Payload, want)
			}
		})
	}
}

// The expected messages are the answers of Linux 6.18 to a datagram of 38 bytes to a
// closed port. Only the identification differs.
func TestError_IsTheKernels(t *testing.T) {
	for _, c := range []struct {
		tos     uint8
		icmpTOS uint8
		message string // the ICMP message up to the end of the quoted IP header
	}{
		{0x2b, 0xca, "0303929f00000000452b00260000400040114e60c6336407c0000201"},
		{0xff, 0xde, "0303929f0000000045ff00260000400040114d8cc6336407c0000201"},
		{0x10, 0xd0, "0303929f00000000451000260000400040114e7bc6336407c0000201"},
	} {
		in := parsed(t, packettest.Frame{Src: "198.51.100.7:4000", Dst: "192.0.2.1:81", UDP: true, DF: true, TOS: c.tos,
			Payload: []byte("xxxxxxxxxx")}.Bytes())
		in.Transport().SetUDPChecksum(0)
		ip, m := said(t, in, packet.MustAddr("192.0.2.1"), packet.ICMPUnreachable, packet.CodePort, 0, 1)
		if got := hex.EncodeToString(ip.Payload[:28]); got != c.message || ip.TOS != c.icmpTOS || ip.Length != 66 {
			t.Errorf("tos %#x: %s tos %#x length %d\nwant      %s tos %#x length 66", c.tos, got, ip.TOS, ip.Length, c.message, c.icmpTOS)
		}
		if len(m.Payload) != 38 {
			t.Errorf("quotes %d bytes, want 38", len(m.Payload))
		}
	}
}

func TestAnswerable_RefusesWhatNobodyMayAnswer(t *testing.T) {
	udp := packettest.Frame{Src: client, Dst: vip, UDP: true}
	with := func(change func(*packettest.Frame)) []byte {
		f := udp
		change(&f)
		return f.Bytes()
	}
	for name, c := range map[string]struct {
		frame []byte
		want  bool
	}{
		"datagram":                 {udp.Bytes(), true},
		"segment":                  {with(func(f *packettest.Frame) { f.UDP = false }), true},
		"first fragment":           {with(func(f *packettest.Frame) { f.MF = true }), true},
		"later fragment":           {with(func(f *packettest.Frame) { f.Offset = 1 }), false},
		"to all stations":          {with(func(f *packettest.Frame) { f.DstMAC = packet.MAC{255, 255, 255, 255, 255, 255} }), false},
		"to some stations":         {with(func(f *packettest.Frame) { f.DstMAC = packet.MAC{1, 0, 0x5e, 0, 0, 1} }), false},
		"to multicast":             {with(func(f *packettest.Frame) { f.Dst = "224.0.0.1:80" }), false},
		"to broadcast":             {with(func(f *packettest.Frame) { f.Dst = "255.255.255.255:80" }), false},
		"from multicast":           {with(func(f *packettest.Frame) { f.Src = "224.0.0.9:80" }), false},
		"from broadcast":           {with(func(f *packettest.Frame) { f.Src = "255.255.255.255:80" }), false},
		"from loopback":            {with(func(f *packettest.Frame) { f.Src = "127.0.0.9:80" }), false},
		"from nowhere":             {with(func(f *packettest.Frame) { f.Src = "0.0.0.0:80" }), false},
		"echo":                     {icmp("198.51.100.7", "192.0.2.10", 8, 0, nil), true},
		"echo reply":               {icmp("198.51.100.7", "192.0.2.10", 0, 0, nil), true},
		"timestamp":                {icmp("198.51.100.7", "192.0.2.10", 13, 0, nil), true},
		"unreachable":              {icmp("198.51.100.7", "192.0.2.10", 3, 3, nil), false},
		"redirect":                 {icmp("198.51.100.7", "192.0.2.10", 5, 0, nil), false},
		"time exceeded":            {icmp("198.51.100.7", "192.0.2.10", 11, 0, nil), false},
		"parameter problem":        {icmp("198.51.100.7", "192.0.2.10", 12, 0, nil), false},
		"unknown message":          {icmp("198.51.100.7", "192.0.2.10", 40, 0, nil), false},
		"type 72, 8 but for a bit": {icmp("198.51.100.7", "192.0.2.10", 72, 0, nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := answer.Answerable(parsed(t, c.frame)); got != c.want {
				t.Errorf("Answerable = %v, want %v", got, c.want)
			}
		})
	}
}

// An error about a tunnel packet is relayed to the client as an error about the inner
// packet.
func TestError_RelaysAnErrorAboutATunnel(t *testing.T) {
	inner := ipOf(packettest.Frame{Src: client, Dst: vip, Flags: "A", DF: true, TOS: 0x10, Payload: make([]byte, 1440)}.Bytes())
	outer := &layers.IPv4{Version: 4, TTL: 64, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocolIPv4,
		SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 0, 11}}
	tunnelled := packettest.Serialize(outer, gopacket.Payload(inner))
	for _, shown := range []int{len(tunnelled), 548, 48} {
		f, q := parsed(t, icmp("10.0.0.254", "10.0.0.1", 3, 4, tunnelled[:shown])), packet.Quote{}
		if !packet.ParseQuote(f, &q) {
			t.Fatal("ParseQuote = false")
		}
		packet.Unwrap(f, &q)
		if !answer.Answerable(f) {
			t.Error("the inner packet is not answerable")
		}
		ip, m := said(t, f, f.Dst, packet.ICMPUnreachable, packet.CodeFragNeeded, 1280, 1)
		if ip.SrcIP.String() != "192.0.2.10" || ip.DstIP.String() != "198.51.100.7" || ip.TOS != 0xd0 || m.Seq != 1280 {
			t.Errorf("%s > %s tos %#x mtu %d", ip.SrcIP, ip.DstIP, ip.TOS, m.Seq)
		}
		if want := inner[:min(shown-20, 548)]; !bytes.Equal(m.Payload, want) {
			t.Errorf("tunnel packet quoted with %d bytes: error quotes %d bytes, want %d", shown, len(m.Payload), len(want))
		}
	}
}
