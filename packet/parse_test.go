package packet_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/packet"
)

// frame returns a Frame that contains b, with headroom, as a port lends it.
func frame(b []byte) *packet.Frame {
	buf := make([]byte, packet.Headroom+len(b))
	copy(buf[packet.Headroom:], b)
	return &packet.Frame{Buf: buf, Off: packet.Headroom, Len: int32(len(b))}
}

func good() []byte {
	return packettest.Frame{Src: "198.51.100.7:40000", Dst: "192.0.2.10:80", Flags: "S", Payload: []byte("hello")}.Bytes()
}

func TestParse_ReadsTheFlow(t *testing.T) {
	for name, c := range map[string]struct {
		in    packettest.Frame
		proto uint8
		flags uint8
	}{
		"tcp":         {packettest.Frame{Flags: "SA"}, packet.ProtoTCP, packet.SYN | packet.ACK},
		"udp":         {packettest.Frame{UDP: true}, packet.ProtoUDP, 0},
		"ip options":  {packettest.Frame{Flags: "F", Options: 8}, packet.ProtoTCP, packet.FIN},
		"no payload":  {packettest.Frame{Flags: "R"}, packet.ProtoTCP, packet.RST},
		"big payload": {packettest.Frame{UDP: true, Payload: make([]byte, 1400)}, packet.ProtoUDP, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Src, c.in.Dst = "198.51.100.7:40000", "192.0.2.10:80"
			f := frame(c.in.Bytes())
			if got := packet.Parse(f); got != packet.None {
				t.Fatalf("Parse = %v, want none", got)
			}
			want := packet.Flow{
				Src: packet.MustAddr("198.51.100.7"), Dst: packet.MustAddr("192.0.2.10"),
				SrcPort: 40000, DstPort: 80, Proto: c.proto,
			}
			if f.Flow != want || f.TCPFlags != c.flags {
				t.Errorf("flow %+v flags %#x, want %+v flags %#x", f.Flow, f.TCPFlags, want, c.flags)
			}
		})
	}
}

func TestParse_NamesWhatIsWrong(t *testing.T) {
	fix := func(b []byte) []byte { // sets a valid IPv4 checksum after a change
		ip := packet.IPv4(b[packet.EthLen:])
		ip.SetChecksum(0)
		ip.SetChecksum(^packet.Sum(ip[:min(ip.HeaderLen(), len(ip))], 0))
		return b
	}
	ip := packet.EthLen
	for name, c := range map[string]struct {
		make  func(b []byte) []byte
		want  packet.Reason
		addrs bool
	}{
		"empty":             {func([]byte) []byte { return nil }, packet.Truncated, false},
		"half an ethernet":  {func(b []byte) []byte { return b[:13] }, packet.Truncated, false},
		"half an ip header": {func(b []byte) []byte { return b[:ip+19] }, packet.Truncated, false},
		"arp":               {func(b []byte) []byte { b[12], b[13] = 8, 6; return b }, packet.NotIPv4, false},
		"vlan":              {func(b []byte) []byte { b[12], b[13] = 0x81, 0; return b }, packet.NotIPv4, false},
		"version 6":         {func(b []byte) []byte { b[ip] = 0x65; return fix(b) }, packet.BadHeader, false},
		"short header":      {func(b []byte) []byte { b[ip] = 0x44; return fix(b) }, packet.BadHeader, false},
		"total < header":    {func(b []byte) []byte { b[ip+2], b[ip+3] = 0, 19; return fix(b) }, packet.BadHeader, false},
		"total > frame":     {func(b []byte) []byte { b[ip+2], b[ip+3] = 9, 0; return fix(b) }, packet.Truncated, false},
		"bad checksum":      {func(b []byte) []byte { b[ip+10] ^= 1; return b }, packet.BadHeader, false},
		"icmp":              {func(b []byte) []byte { b[ip+9] = 1; return fix(b) }, packet.Protocol, true},
		"first fragment":    {func(b []byte) []byte { b[ip+6] = 0x20; return fix(b) }, packet.Fragment, true},
		"later fragment":    {func(b []byte) []byte { b[ip+7] = 5; return fix(b) }, packet.Fragment, true},
		"half a tcp header": {func(b []byte) []byte { b[ip+2], b[ip+3] = 0, 39; return fix(b) }, packet.Truncated, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := frame(c.make(good()))
			if got := packet.Parse(f); got != c.want {
				t.Fatalf("Parse = %v, want %v", got, c.want)
			}
			if got := f.L3 != 0; got != c.addrs {
				t.Errorf("addresses known: %v, want %v", got, c.addrs)
			}
		})
	}
}

// FuzzParse compares the parser with gopacket. The parser never reads outside the
// frame and never changes it. If it finds a flow, gopacket finds the same flow.
func FuzzParse(f *testing.F) {
	f.Add(good())
	f.Add(packettest.Frame{UDP: true, Src: "10.0.0.1:53", Dst: "10.0.0.2:53", Options: 4}.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > packet.MaxFrame {
			return
		}
		fr := frame(b)
		reason := packet.Parse(fr)
		if got := string(fr.Bytes()); got != string(b) {
			t.Fatal("Parse changed the frame")
		}
		if reason != packet.None {
			return
		}
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
		ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if !ok {
			t.Fatalf("Parse finds %+v, gopacket finds no IPv4", fr.Flow)
		}
		src, _ := netip.AddrFromSlice(ip.SrcIP)
		dst, _ := netip.AddrFromSlice(ip.DstIP)
		if len(ip.Payload) < 4 {
			t.Fatalf("%d bytes follow the IP header, Parse finds ports", len(ip.Payload))
		}
		want := packet.Flow{
			Src: packet.AddrFrom(src), Dst: packet.AddrFrom(dst), Proto: uint8(ip.Protocol),
			SrcPort: binary.BigEndian.Uint16(ip.Payload), DstPort: binary.BigEndian.Uint16(ip.Payload[2:]),
		}
		if fr.Flow != want {
			t.Errorf("flow %+v, gopacket finds %+v", fr.Flow, want)
		}
	})
}

func TestParse_DoesNotAllocate(t *testing.T) {
	f := frame(good())
	if n := testing.AllocsPerRun(100, func() { packet.Parse(f) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkParse(b *testing.B) {
	f := frame(good())
	for b.Loop() {
		packet.Parse(f)
	}
}

func TestFrame_PushStopsAtTheHeadroom(t *testing.T) {
	f := frame(good())
	length := f.Len
	if !f.Push(packet.Headroom) || f.Off != 0 || f.Len != length+packet.Headroom {
		t.Errorf("after Push: off %d len %d", f.Off, f.Len)
	}
	if f.Push(1) {
		t.Error("Push went beyond the chunk")
	}
}

func TestAddr_ConvertsBothFamilies(t *testing.T) {
	for _, s := range []string{"192.0.2.10", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::1"} {
		a := packet.MustAddr(s)
		if a.String() != s || a.Is4() != netip.MustParseAddr(s).Is4() {
			t.Errorf("%s became %s, IPv4 %v", s, a, a.Is4())
		}
	}
	if a := packet.AddrFrom4(0xc000020a); a != packet.MustAddr("192.0.2.10") || a.V4() != 0xc000020a {
		t.Errorf("AddrFrom4 = %v", a)
	}
	if !packet.AddrFrom(netip.Addr{}).IsZero() {
		t.Error("the invalid address is not the zero Addr")
	}
}
