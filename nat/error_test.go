package nat_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/nat"
	"director/packet"
)

// ipOf returns the IP packet of a frame without Ethernet padding.
func ipOf(frame []byte) []byte {
	ip := packet.IPv4(frame[packet.EthLen:])
	return ip[:ip.TotalLen()]
}

// complaint returns a frame with an ICMP error that quotes body.
func complaint(src, dst string, typ, code uint8, mtu uint16, body []byte) []byte {
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 60, TOS: 0xc0, Id: 99, Protocol: layers.IPProtocolICMPv4,
			SrcIP: netip.MustParseAddr(src).AsSlice(), DstIP: netip.MustParseAddr(dst).AsSlice()},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code), Seq: mtu},
		gopacket.Payload(body))
}

// quoting returns a parsed frame that contains the ICMP error b, and its quote.
func quoting(t testing.TB, b []byte) (*packet.Frame, *packet.Quote) {
	t.Helper()
	f, q := lent(b), &packet.Quote{}
	if reason := packet.Parse(f); reason != packet.Protocol {
		t.Fatalf("Parse: %v", reason)
	}
	if !packet.ParseQuote(f, q) {
		t.Fatal("ParseQuote = false")
	}
	return f, q
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

// read decodes an ICMP error with gopacket and describes it in one line. It fails the
// test if a checksum is wrong.
func read(t testing.TB, frame []byte) (said string, ip *layers.IPv4, quote []byte) {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	ip, _ = p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	icmp, _ := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if icmp == nil {
		t.Fatalf("no ICMP in %x", frame)
	}
	quote = icmp.Payload
	l4 := quote[4*int(quote[0]&15):]
	for name, b := range map[string][]byte{
		"IP header": ip.Contents, "message": ip.Payload, "quoted header": quote[:len(quote)-len(l4)],
	} {
		if sum := ones(b); sum != 0xffff {
			t.Errorf("%s sums to %#04x, want 0xffff", name, sum)
		}
	}
	return fmt.Sprintf("%s > %s %d/%d mtu %d: %v:%d > %v:%d", ip.SrcIP, ip.DstIP, icmp.TypeCode.Type(), icmp.TypeCode.Code(), icmp.Seq,
		netip.AddrFrom4([4]byte(quote[12:])), int(l4[0])<<8|int(l4[1]), netip.AddrFrom4([4]byte(quote[16:])), int(l4[2])<<8|int(l4[3])), ip, quote
}

func TestErrorToServer_QuotesWhatTheServerSent(t *testing.T) {
	for name, in := range map[string]packettest.Frame{
		"tcp":     {Flags: "PA", DF: true, Payload: make([]byte, 1400)},
		"udp":     {UDP: true, Payload: []byte("odd")},
		"options": {Flags: "A", Options: 12},
	} {
		t.Run(name, func(t *testing.T) {
			in.Src, in.Dst = vip, client
			was := ipOf(in.Bytes())
			f, q := quoting(t, complaint("203.0.113.1", "192.0.2.10", 3, 4, 1400, was))
			nat.ErrorToServer(f, q, server, 8080)
			got, ip, quote := read(t, f.Bytes())
			if want := "203.0.113.1 > 10.0.0.11 3/4 mtu 1400: 10.0.0.11:8080 > 198.51.100.7:40000"; got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
			if ip.TTL != 59 || ip.TOS != 0xc0 || ip.Id != 99 {
				t.Errorf("ttl %d tos %#x id %d, want 59 0xc0 99", ip.TTL, ip.TOS, ip.Id)
			}
			l4 := 20 + in.Options
			if !bytes.Equal(quote[l4+4:], was[l4+4:]) {
				t.Error("bytes after the quoted ports changed")
			}
		})
	}
}

func TestErrorToClient_ComesFromTheVirtualService(t *testing.T) {
	was := ipOf(packettest.Frame{Src: client, Dst: "10.0.0.11:8080", UDP: true, Payload: []byte("question")}.Bytes())
	f, q := quoting(t, complaint("10.0.0.254", "198.51.100.7", 3, 3, 0, was))
	nat.ErrorToClient(f, q, virtual, 80)
	got, ip, quote := read(t, f.Bytes())
	if want := "192.0.2.10 > 198.51.100.7 3/3 mtu 0: 198.51.100.7:40000 > 192.0.2.10:80"; got != want || ip.TTL != 59 {
		t.Errorf("%s ttl %d\nwant %s ttl 59", got, ip.TTL, want)
	}
	if !bytes.Equal(quote[24:], was[24:]) {
		t.Error("bytes after the quoted ports changed")
	}
}

// A router may quote a header that it has changed without updating the checksum, for
// example with a lower TTL.
func TestErrorToServer_MendsTheQuotedHeader(t *testing.T) {
	was := ipOf(packettest.Frame{Src: vip, Dst: client, Flags: "A"}.Bytes())
	was[8] -= 5
	f, q := quoting(t, complaint("203.0.113.1", "192.0.2.10", 11, 0, 0, was[:28]))
	nat.ErrorToServer(f, q, server, 8080)
	read(t, f.Bytes())
}

func TestDirectAndTunnel_ForwardAnErrorAsItIs(t *testing.T) {
	was := ipOf(packettest.Frame{Src: vip, Dst: client, Flags: "A", Payload: []byte("x")}.Bytes())
	in := complaint("203.0.113.1", "192.0.2.10", 3, 4, 1400, was)
	want := "203.0.113.1 > 192.0.2.10 3/4 mtu 1400: 192.0.2.10:80 > 198.51.100.7:40000"
	f, _ := quoting(t, in)
	nat.Direct(f)
	if got, ip, _ := read(t, f.Bytes()); got != want || ip.TTL != 59 {
		t.Errorf("direct: %s ttl %d\nwant %s ttl 59", got, ip.TTL, want)
	}
	f, _ = quoting(t, in)
	if !nat.Tunnel(f, packet.Tunnel{}, packet.MustAddr("10.0.0.1"), server, 7, true) {
		t.Fatal("no headroom")
	}
	b := f.Bytes()
	if ones(b[14:34]) != 0xffff || b[23] != packet.ProtoIPIP || len(b) != len(in)+20 {
		t.Errorf("outer header %x", b[14:34])
	}
	inner := append(bytes.Clone(b[:14]), b[34:]...)
	if got, ip, _ := read(t, inner); got != want || ip.TTL != 59 {
		t.Errorf("tunnel: %s ttl %d\nwant %s ttl 59", got, ip.TTL, want)
	}
}

// FuzzErrorRewrite passes arbitrary ICMP errors to both rewriters. They must change
// only the documented fields and leave correct checksums.
func FuzzErrorRewrite(f *testing.F) {
	tcp := ipOf(packettest.Frame{Src: vip, Dst: client, Flags: "A", DF: true, Payload: []byte("odd")}.Bytes())
	f.Add(complaint("203.0.113.1", "192.0.2.10", 3, 4, 1400, tcp), uint32(0x0a00000b), uint16(8080))
	f.Add(complaint("203.0.113.1", "192.0.2.10", 11, 0, 0, tcp[:28]), uint32(0), uint16(0xffff))
	f.Fuzz(func(t *testing.T, b []byte, addr uint32, port uint16) {
		for _, c := range []struct {
			rewrite func(*packet.Frame, *packet.Quote, packet.Addr, uint16)
			// Offsets of the fields that change: in the IP header, in the quoted IP
			// header and in the quoted transport header.
			outer, quoted, port int
		}{
			{nat.ErrorToServer, 16, 12, 0},
			{nat.ErrorToClient, 12, 16, 2},
		} {
			fr, q := lent(b), &packet.Quote{}
			if len(b) > 1<<15 || packet.Parse(fr) != packet.Protocol || fr.IP().TTL() == 0 || !packet.ParseQuote(fr, q) || q.Later {
				return
			}
			want := bytes.Clone(fr.Buf)
			c.rewrite(fr, q, packet.AddrFrom4(addr), port)
			frame := func(buf []byte, from uint16) []byte { return buf[packet.Headroom+int(from):] }
			end := fr.L3 + fr.IPLen
			for name, covered := range map[string][]byte{
				"message":       fr.Bytes()[fr.L4:end],
				"quoted header": fr.Bytes()[q.L3:q.L4],
				"header":        fr.Bytes()[fr.L3:fr.L4],
			} {
				if sum := ones(covered); sum != 0xffff {
					t.Fatalf("%s sums to %#04x", name, sum)
				}
			}
			ip, icmp, quoted, l4 := frame(want, fr.L3), frame(want, fr.L4), frame(want, q.L3), frame(want, q.L4)
			ip[8]--
			for _, at := range [][]byte{ip[c.outer:], quoted[c.quoted:]} {
				binary.BigEndian.PutUint32(at, addr)
			}
			binary.BigEndian.PutUint16(l4[c.port:], port)
			// The checksums were checked above.
			copy(ip[10:12], frame(fr.Buf, fr.L3)[10:])
			copy(icmp[2:4], frame(fr.Buf, fr.L4)[2:])
			copy(quoted[10:12], frame(fr.Buf, q.L3)[10:])
			if !bytes.Equal(fr.Buf, want) {
				t.Fatalf("got  %x\nwant %x", fr.Buf, want)
			}
		}
	})
}
