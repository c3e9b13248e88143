package packet_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/packet"
)

// In these tests a router sends an ICMP error about a packet of a real server to the
// virtual address, or an error about a tunnel packet to the director.
var (
	clientIP = packet.MustAddr("198.51.100.7")
	vipIP    = packet.MustAddr("192.0.2.10")
	serverIP = packet.MustAddr("10.0.0.11")
	ownIP    = packet.MustAddr("10.0.0.1")
)

// ipOf returns the IP packet of a frame without Ethernet padding.
func ipOf(frame []byte) []byte {
	ip := packet.IPv4(frame[packet.EthLen:])
	return ip[:ip.TotalLen()]
}

// tunnelled wraps an IP packet in IPIP.
func tunnelled(ip []byte, flags layers.IPv4Flag, offset uint16) []byte {
	return packettest.Serialize(&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolIPv4, Flags: flags, FragOffset: offset,
		SrcIP: ownIP.Netip().AsSlice(), DstIP: serverIP.Netip().AsSlice()}, gopacket.Payload(ip))
}

// datagram wraps an IP packet in GUE to a port of the server. The tests do not need a
// UDP checksum.
func datagram(ip []byte, port uint16) []byte {
	return through(layers.IPProtocolUDP, append([]byte{0x90, 0, byte(port >> 8), byte(port), 0, byte(12 + len(ip)), 0, 0, 0, 4, 0, 0}, ip...))
}

// gre wraps an IP packet in GRE.
func gre(ip []byte, checksum bool) []byte {
	header := []byte{0, 0, 8, 0}
	if checksum {
		header = []byte{0x80, 0, 8, 0, 0xab, 0xcd, 0, 0}
	}
	return through(layers.IPProtocolGRE, append(header, ip...))
}

// through returns an IP packet from the director to the server with this protocol.
func through(proto layers.IPProtocol, body []byte) []byte {
	return packettest.Serialize(&layers.IPv4{Version: 4, TTL: 64, Protocol: proto, Flags: layers.IPv4DontFragment,
		SrcIP: ownIP.Netip().AsSlice(), DstIP: serverIP.Netip().AsSlice()}, gopacket.Payload(body))
}

// icmp returns a frame with an ICMP message from a router.
func icmp(typ, code uint8, mtu uint16, body []byte) []byte {
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: []byte{2, 0, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 60, Protocol: layers.IPProtocolICMPv4,
			SrcIP: []byte{203, 0, 113, 1}, DstIP: vipIP.Netip().AsSlice()},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code), Seq: mtu},
		gopacket.Payload(body))
}

// answer returns a packet from the virtual address to the client, as the client
// receives it.
func answer(f packettest.Frame) []byte {
	f.Src, f.Dst = "192.0.2.10:80", "198.51.100.7:40000"
	return ipOf(f.Bytes())
}

// request returns a packet from the client to the virtual address.
func request(f packettest.Frame) []byte {
	f.Src, f.Dst = "198.51.100.7:40000", "192.0.2.10:80"
	return ipOf(f.Bytes())
}

func TestParseQuote_ReadsWhatTheErrorIsAbout(t *testing.T) {
	out := packet.Flow{Src: vipIP, Dst: clientIP, SrcPort: 80, DstPort: 40000, Proto: packet.ProtoTCP}
	udp := out
	udp.Proto = packet.ProtoUDP
	later := packet.Flow{Src: vipIP, Dst: clientIP, Proto: packet.ProtoUDP}
	at := uint16(packet.EthLen + packet.IPv4Len + packet.ICMPLen)
	tcp := answer(packettest.Frame{Flags: "A", DF: true, TOS: 0x28, Payload: make([]byte, 1000)})
	for name, c := range map[string]struct {
		frame []byte
		want  packet.Quote
	}{
		"all of it":    {icmp(3, 4, 1400, tcp), packet.Quote{Flow: out, L3: at, L4: at + 20, IPLen: 1040, TOS: 0x28, DF: true}},
		"as little":    {icmp(11, 0, 0, tcp[:28]), packet.Quote{Flow: out, L3: at, L4: at + 20, IPLen: 1040, TOS: 0x28, DF: true}},
		"quench":       {icmp(4, 0, 0, tcp[:28]), packet.Quote{Flow: out, L3: at, L4: at + 20, IPLen: 1040, TOS: 0x28, DF: true}},
		"udp, options": {icmp(3, 3, 0, answer(packettest.Frame{UDP: true, Options: 8})), packet.Quote{Flow: udp, L3: at, L4: at + 28, IPLen: 36}},
		"first fragment": {icmp(11, 1, 0, answer(packettest.Frame{UDP: true, MF: true})),
			packet.Quote{Flow: udp, L3: at, L4: at + 20, IPLen: 28}},
		"later fragment": {icmp(3, 1, 0, answer(packettest.Frame{UDP: true, Offset: 3, Payload: []byte("x")})),
			packet.Quote{Flow: later, L3: at, L4: at + 20, IPLen: 21, Later: true}},
		"tunnel": {icmp(3, 4, 1300, tunnelled(request(packettest.Frame{Flags: "A", DF: true}), layers.IPv4DontFragment, 0)),
			packet.Quote{Flow: out.Reverse(), L3: at + 20, L4: at + 40, IPLen: 40, DF: true,
				Outer: packet.Outer{Src: ownIP, Dst: serverIP, L3: at, IPLen: 60, DF: true}}},
		"gre": {icmp(3, 4, 1300, gre(request(packettest.Frame{Flags: "A", DF: true}), false)),
			packet.Quote{Flow: out.Reverse(), L3: at + 24, L4: at + 44, IPLen: 40, DF: true,
				Outer: packet.Outer{Src: ownIP, Dst: serverIP, L3: at, IPLen: 64, DF: true, Encap: packet.GRE}}},
		"gre with a checksum": {icmp(11, 0, 0, gre(request(packettest.Frame{Flags: "A"}), true)),
			packet.Quote{Flow: out.Reverse(), L3: at + 28, L4: at + 48, IPLen: 40,
				Outer: packet.Outer{Src: ownIP, Dst: serverIP, L3: at, IPLen: 68, DF: true, Encap: packet.GRE}}},
		"gue is udp": {icmp(3, 3, 0, datagram(request(packettest.Frame{Flags: "A"}), 6080)),
			packet.Quote{Flow: packet.Flow{Src: ownIP, Dst: serverIP, SrcPort: 0x9000, DstPort: 6080, Proto: packet.ProtoUDP},
				L3: at, L4: at + 20, IPLen: 72, DF: true}},
		"tunnel, fragments": {icmp(11, 0, 0, tunnelled(request(packettest.Frame{UDP: true, Offset: 3}), layers.IPv4MoreFragments, 0)),
			packet.Quote{Flow: packet.Flow{Src: clientIP, Dst: vipIP, Proto: packet.ProtoUDP}, L3: at + 20, L4: at + 40, IPLen: 20,
				Later: true, Outer: packet.Outer{Src: ownIP, Dst: serverIP, L3: at, IPLen: 40}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := frame(c.frame)
			if got := packet.Parse(f); got != packet.Protocol {
				t.Fatalf("Parse = %v, want protocol", got)
			}
			var got packet.Quote
			if !packet.ParseQuote(f, &got) {
				t.Fatal("ParseQuote = false, want true")
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("quote (-want +got):\n%s", d)
			}
			if m := f.ICMP(); m.Type() != c.frame[34] || m.Code() != c.frame[35] || !m.ChecksumOK() {
				t.Errorf("type %d code %d checksum ok %v, want %d %d true", m.Type(), m.Code(), m.ChecksumOK(), c.frame[34], c.frame[35])
			}
		})
	}
}

func TestParseQuote_RefusesTheRest(t *testing.T) {
	tcp := answer(packettest.Frame{Flags: "A"})
	inner := request(packettest.Frame{Flags: "A"})
	fragment := func(b []byte) []byte {
		ip := packet.IPv4(b[packet.EthLen:])
		ip.SetFlagsOffset(packet.IPv4MF)
		ip.UpdateChecksum()
		return b
	}
	changed := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] = v
		return b
	}
	for name, b := range map[string][]byte{
		"echo":                    icmp(8, 0, 0, tcp),
		"redirect":                icmp(5, 0, 0, tcp),
		"parameter problem":       icmp(12, 0, 0, tcp),
		"nothing quoted":          icmp(3, 1, 0, nil),
		"half a header":           icmp(3, 1, 0, tcp[:19]),
		"7 bytes of transport":    icmp(3, 1, 0, tcp[:27]),
		"version 6":               icmp(3, 1, 0, changed(tcp, 0, 0x65)),
		"header of 16 bytes":      icmp(3, 1, 0, changed(tcp, 0, 0x44)),
		"header beyond the end":   icmp(3, 1, 0, changed(tcp, 0, 0x4f)),
		"icmp quoted":             icmp(3, 1, 0, changed(tcp, 9, packet.ProtoICMP)),
		"a fragment of an error":  fragment(icmp(3, 1, 0, tcp)),
		"not icmp":                good(),
		"tunnel, 8 bytes inside":  icmp(3, 4, 0, tunnelled(inner, 0, 0)[:28]),
		"tunnel, no ports":        icmp(3, 4, 0, tunnelled(inner, 0, 0)[:47]),
		"tunnel, later fragment":  icmp(11, 0, 0, tunnelled(inner, 0, 5)),
		"tunnel inside a tunnel":  icmp(3, 4, 0, tunnelled(tunnelled(inner, 0, 0), 0, 0)),
		"gre, no header":          icmp(3, 4, 0, gre(inner, false)[:23]),
		"gre, no ports":           icmp(3, 4, 0, gre(inner, false)[:51]),
		"gre, no checksum":        icmp(3, 4, 0, gre(inner, true)[:24]),
		"gre with a key":          icmp(3, 4, 0, changed(gre(inner, true), 20, 0x20)),
		"gre of version 1":        icmp(3, 4, 0, changed(gre(inner, false), 21, 1)),
		"gre around IPv6":         icmp(3, 4, 0, changed(gre(inner, false), 22, 0x86)),
		"gre, later fragment":     icmp(3, 4, 0, changed(gre(inner, false), 7, 1)),
		"gre inside a tunnel":     icmp(3, 4, 0, tunnelled(gre(inner, false), 0, 0)),
		"padding is not the rest": append(icmp(3, 1, 0, tcp[:20]), make([]byte, 20)...),
	} {
		t.Run(name, func(t *testing.T) {
			f := frame(b)
			packet.Parse(f)
			if q := new(packet.Quote); packet.ParseQuote(f, q) {
				t.Errorf("ParseQuote = true, %+v; want false", *q)
			}
		})
	}
}

func TestParseGUE_ReadsThePacketInside(t *testing.T) {
	at := uint16(packet.EthLen + packet.IPv4Len + packet.ICMPLen)
	want := packet.Quote{
		Flow: packet.Flow{Src: clientIP, Dst: vipIP, SrcPort: 40000, DstPort: 80, Proto: packet.ProtoTCP},
		L3:   at + 32, L4: at + 52, IPLen: 41, TOS: 0x28,
		Outer: packet.Outer{Src: ownIP, Dst: serverIP, L3: at, IPLen: 73, Port: 6080, SrcPort: 0x9000, DF: true, Encap: packet.GUE},
	}
	body := datagram(request(packettest.Frame{Flags: "A", TOS: 0x28, Payload: []byte("x")}), 6080)
	for what, b := range map[string][]byte{"all of it": body, "as little": body[:60]} {
		f, q := frame(icmp(3, 4, 1300, b)), packet.Quote{}
		packet.Parse(f)
		if !packet.ParseQuote(f, &q) || !packet.ParseGUE(f, &q) {
			t.Errorf("%s: not read, %+v", what, q)
		} else if d := cmp.Diff(want, q); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
}

func TestParseGUE_RefusesWhatOursIsNot(t *testing.T) {
	inner := request(packettest.Frame{UDP: true, Payload: []byte{0, 4, 0, 0}})
	changed := func(at int, v byte) []byte {
		b := datagram(inner, 6080)
		b[at] = v
		return b
	}
	for name, body := range map[string][]byte{
		"tcp":                 request(packettest.Frame{Flags: "A"}),
		"a query":             request(packettest.Frame{UDP: true, Payload: []byte("question")}),
		"no header":           datagram(inner, 6080)[:31],
		"no ports":            datagram(inner, 6080)[:59],
		"version 1":           changed(28, 0x40),
		"a control message":   changed(28, 0x20),
		"options":             changed(28, 1),
		"IPv6 inside":         changed(29, 41),
		"flags":               changed(30, 1),
		"no IPv4 inside":      changed(32, 0x65),
		"a tunnel inside":     datagram(tunnelled(inner, 0, 0), 6080),
		"in another tunnel":   tunnelled(inner, 0, 0),
		"later fragment":      changed(7, 1),
		"nothing in the UDP":  through(layers.IPProtocolUDP, []byte{0x90, 0, 23, 192, 0, 8, 0, 0}),
		"half a header there": through(layers.IPProtocolUDP, []byte{0x90, 0, 23, 192, 0, 10, 0, 0, 0, 4}),
	} {
		t.Run(name, func(t *testing.T) {
			f, q := frame(icmp(3, 4, 1300, body)), packet.Quote{}
			packet.Parse(f)
			if !packet.ParseQuote(f, &q) {
				t.Fatal("ParseQuote = false, want true")
			}
			if packet.ParseGUE(f, &q) {
				t.Errorf("ParseGUE = true, %+v; want false", q)
			}
		})
	}
}

func TestOuter_FitsItsTunnelOnly(t *testing.T) {
	gue := packet.Tunnel{Encap: packet.GUE, Port: 6080}
	for _, c := range []struct {
		outer  packet.Outer
		tunnel packet.Tunnel
		want   bool
	}{
		{packet.Outer{}, packet.Tunnel{}, true},
		{packet.Outer{Encap: packet.GRE}, packet.Tunnel{Encap: packet.GRE, Checksum: packet.WithChecksum}, true},
		{packet.Outer{Encap: packet.GUE, Port: 6080}, gue, true},
		{packet.Outer{Encap: packet.GUE, Port: 6081}, gue, false},
		{packet.Outer{}, gue, false},
		{packet.Outer{Encap: packet.GRE}, packet.Tunnel{}, false},
	} {
		if got := c.outer.Fits(c.tunnel); got != c.want {
			t.Errorf("%+v fits %+v: %v, want %v", c.outer, c.tunnel, got, c.want)
		}
	}
}

func TestUnwrap_LeavesThePacketInside(t *testing.T) {
	inner := request(packettest.Frame{Flags: "A", DF: true, Options: 4, Payload: []byte("hello")})
	want := append(bytes.Clone(icmp(3, 4, 0, nil)[:packet.EthLen]), inner...)
	for name, body := range map[string][]byte{
		"tunnel":        tunnelled(inner, 0, 0),
		"gue":           datagram(inner, 6080),
		"gre":           gre(inner, true),
		"nothing to do": inner,
	} {
		t.Run(name, func(t *testing.T) {
			f, q := frame(icmp(3, 4, 1300, body)), packet.Quote{}
			packet.Parse(f)
			if !packet.ParseQuote(f, &q) {
				t.Fatal("ParseQuote = false, want true")
			}
			if name == "gue" && !packet.ParseGUE(f, &q) {
				t.Fatal("ParseGUE = false, want true")
			}
			packet.Unwrap(f, &q)
			if d := cmp.Diff(want, f.Bytes()); d != "" {
				t.Errorf("frame (-want +got):\n%s", d)
			}
			got := f.Header
			if reason := packet.Parse(f); reason != packet.None {
				t.Fatalf("the unwrapped packet does not parse: %v", reason)
			}
			f.TCPFlags = 0 // an error need not quote them
			if got != f.Header {
				t.Errorf("header %+v, Parse finds %+v", got, f.Header)
			}
		})
	}
}

// FuzzParseQuote compares ParseQuote with gopacket and checks that Unwrap writes only
// inside the frame.
func FuzzParseQuote(f *testing.F) {
	f.Add(icmp(3, 4, 1400, answer(packettest.Frame{Flags: "A", DF: true})))
	f.Add(icmp(11, 0, 0, tunnelled(request(packettest.Frame{UDP: true, Options: 8}), layers.IPv4DontFragment, 0)))
	f.Add(icmp(3, 4, 1400, datagram(request(packettest.Frame{Flags: "A"}), 6080)))
	f.Add(icmp(3, 4, 1400, gre(request(packettest.Frame{Flags: "A"}), true)))
	f.Fuzz(func(t *testing.T, b []byte) {
		fr := frame(b)
		if len(b) > 1<<16 || packet.Parse(fr) != packet.Protocol {
			return
		}
		var q packet.Quote
		ok := packet.ParseQuote(fr, &q)
		if inside := q; ok && packet.ParseGUE(fr, &inside) {
			q = inside
		}
		if !bytes.Equal(fr.Bytes(), b) {
			t.Fatal("ParseQuote changed the frame")
		}
		if !ok {
			return
		}
		judgeQuote(t, b, &q)
		end := int(fr.L3) + int(fr.IPLen)
		before := bytes.Clone(fr.Buf)
		packet.Unwrap(fr, &q)
		want := append(bytes.Clone(b[:packet.EthLen]), b[q.L3:end]...)
		if !bytes.Equal(fr.Bytes(), want) || !bytes.Equal(fr.IP(), b[q.L3:end]) || fr.Flow != q.Flow {
			t.Fatalf("Unwrap left %x of %x", fr.Bytes(), b)
		}
		if at := int(fr.Off); !bytes.Equal(fr.Buf[:at], before[:at]) || !bytes.Equal(fr.Buf[at+int(fr.Len):], before[at+int(fr.Len):]) {
			t.Fatal("Unwrap wrote outside the resulting frame")
		}
	})
}

// judgeQuote compares q with what gopacket reads from the error b.
func judgeQuote(t *testing.T, b []byte, q *packet.Quote) {
	m, ok := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy).Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if !ok {
		t.Fatalf("ParseQuote finds an error about %+v, gopacket finds no ICMP", q.Flow)
	}
	quoted := m.Payload
	if q.Outer.L3 != 0 {
		outer := readIPv4(t, quoted)
		if outer == nil {
			return
		}
		proto := map[packet.Encap]layers.IPProtocol{
			packet.IPIP: layers.IPProtocolIPv4, packet.GUE: layers.IPProtocolUDP, packet.GRE: layers.IPProtocolGRE}[q.Outer.Encap]
		if got := packet.MustAddr(outer.DstIP.String()); got != q.Outer.Dst || outer.Protocol != proto {
			t.Fatalf("tunnel %d to %v, gopacket finds %v to %v", q.Outer.Encap, q.Outer.Dst, outer.Protocol, got)
		}
		quoted = quoted[4*int(outer.IHL):]
		switch q.Outer.Encap {
		case packet.GUE:
			if port := binary.BigEndian.Uint16(quoted[2:]); port != q.Outer.Port || !bytes.Equal(quoted[8:12], []byte{0, 4, 0, 0}) {
				t.Fatalf("GUE to port %d, UDP and GUE headers %x", q.Outer.Port, quoted[:12])
			}
			quoted = quoted[12:]
		case packet.GRE:
			header := &layers.GRE{}
			if err := header.DecodeFromBytes(quoted, gopacket.NilDecodeFeedback); err != nil || header.Protocol != layers.EthernetTypeIPv4 {
				t.Fatalf("gopacket finds GRE %+v: %v", header, err)
			}
			quoted = header.Payload
		}
	}
	ip := readIPv4(t, quoted)
	if ip == nil {
		return
	}
	want := packet.Flow{Src: packet.MustAddr(ip.SrcIP.String()), Dst: packet.MustAddr(ip.DstIP.String()), Proto: uint8(ip.Protocol)}
	if rest := quoted[4*int(ip.IHL):]; ip.FragOffset == 0 {
		want.SrcPort, want.DstPort = binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])
	}
	if q.Flow != want || q.Later != (ip.FragOffset != 0) || q.DF != (ip.Flags&layers.IPv4DontFragment != 0) || q.TOS != ip.TOS {
		t.Fatalf("quote %+v, gopacket finds %+v", q, ip)
	}
}

// readIPv4 returns nil if gopacket refuses the total length or the options.
// ParseQuote does not check these.
func readIPv4(t *testing.T, b []byte) *layers.IPv4 {
	ip := &layers.IPv4{}
	if err := ip.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		if length := int(binary.BigEndian.Uint16(b[2:])); b[0] == 0x45 && length >= packet.IPv4Len {
			t.Fatalf("gopacket: %v", err)
		}
		return nil
	}
	return ip
}
