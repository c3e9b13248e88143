package nat_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/nat"
	"director/packet"
)

var (
	own     = packet.MustAddr("10.0.0.1")
	tunnels = map[string]packet.Tunnel{
		"ipip":        {},
		"gue":         {Encap: packet.GUE, Port: 6080},
		"gue csum":    {Encap: packet.GUE, Port: 6080, Checksum: packet.WithChecksum},
		"gue remcsum": {Encap: packet.GUE, Port: 6080, Checksum: packet.WithRemoteChecksum},
		"gre":         {Encap: packet.GRE},
		"gre csum":    {Encap: packet.GRE, Checksum: packet.WithChecksum},
	}
	overheads = map[string]int{"ipip": 20, "gue": 32, "gue csum": 32, "gue remcsum": 32, "gre": 24, "gre csum": 28}
)

// wrapped is a tunnel packet as gopacket decodes it.
type wrapped struct {
	outer  *layers.IPv4
	header string // describes the headers between the outer header and the inner packet
	inside []byte
}

// unwrap decodes a tunnel packet. It fails the test if a length or checksum is wrong.
func unwrap(t testing.TB, frame []byte) (w wrapped) {
	t.Helper()
	w.outer = &layers.IPv4{}
	if err := w.outer.DecodeFromBytes(frame[packet.EthLen:], gopacket.NilDecodeFeedback); err != nil {
		t.Fatalf("outer header: %v", err)
	}
	body := w.outer.Payload
	if ones(w.outer.Contents) != 0xffff || packet.EthLen+int(w.outer.Length) != len(frame) {
		t.Fatalf("outer header %x of a frame of %d bytes", w.outer.Contents, len(frame))
	}
	switch w.outer.Protocol {
	case layers.IPProtocolIPv4:
		w.inside = body
	case layers.IPProtocolUDP:
		udp := &layers.UDP{}
		if err := udp.DecodeFromBytes(body, gopacket.NilDecodeFeedback); err != nil || int(udp.Length) != len(body) || len(body) < 12 {
			t.Fatalf("UDP length %d of %d: %v", udp.Length, len(body), err)
		}
		pseudo := append(bytes.Clone(frame[26:34]), 0, 17, body[4], body[5])
		if udp.Checksum != 0 && ones(append(pseudo, body...)) != 0xffff {
			t.Fatalf("UDP checksum %#04x is wrong", udp.Checksum)
		}
		w.header = fmt.Sprintf("udp to %d, sum %v, %x", udp.DstPort, udp.Checksum != 0, body[8:12])
		w.inside = body[12:]
	case layers.IPProtocolGRE:
		gre := &layers.GRE{}
		if err := gre.DecodeFromBytes(body, gopacket.NilDecodeFeedback); err != nil {
			t.Fatalf("GRE: %v", err)
		}
		if gre.ChecksumPresent && ones(body) != 0xffff {
			t.Fatalf("GRE checksum %#04x is wrong", gre.Checksum)
		}
		w.header = fmt.Sprintf("gre %v, sum %v, %x", gre.Protocol, gre.ChecksumPresent, gre.Contents[:4])
		w.inside = gre.Payload
	default:
		t.Fatalf("outer protocol %v", w.outer.Protocol)
	}
	return w
}

func TestTunnel_SaysWhatIsInside(t *testing.T) {
	headers := map[string]string{
		"ipip":        "",
		"gue":         "udp to 6080, sum false, 00040000",
		"gue csum":    "udp to 6080, sum true, 00040000",
		"gue remcsum": "udp to 6080, sum true, 00040000",
		"gre":         "gre IPv4, sum false, 00000800",
		"gre csum":    "gre IPv4, sum true, 80000800",
	}
	was := ipOf(packettest.Frame{Src: vip, Dst: client, Flags: "A", Payload: []byte("x")}.Bytes())
	frames := map[string][]byte{
		"tcp":     packettest.Frame{Src: client, Dst: vip, Flags: "PA", DF: true, TTL: 33, TOS: 0x2b, Payload: []byte("odd")}.Bytes(),
		"padded":  packettest.Frame{Src: client, Dst: vip, UDP: true}.Bytes(),
		"options": packettest.Frame{Src: client, Dst: vip, Flags: "A", Options: 8}.Bytes(),
		"error":   complaint("203.0.113.1", "192.0.2.10", 3, 4, 1400, was),
	}
	for name, tunnel := range tunnels {
		for what, frame := range frames {
			t.Run(name+" "+what, func(t *testing.T) {
				f, plain := lent(frame), lent(frame)
				packet.Parse(f)
				packet.Parse(plain)
				if !nat.Tunnel(f, tunnel, own, server, 4711, true) {
					t.Fatal("no headroom")
				}
				nat.Direct(plain) // the inner packet must be what DR would send
				w := unwrap(t, f.Bytes())
				if w.header != headers[name] || !bytes.Equal(w.inside, plain.IP()) {
					t.Errorf("%s around %x\nwant %s around %x", w.header, w.inside, headers[name], plain.IP())
				}
				if got, want := int(w.outer.Length), int(plain.IPLen)+overheads[name]; got != want || int(tunnel.Overhead()) != overheads[name] {
					t.Errorf("%d bytes, overhead %d, want %d, %d", got, tunnel.Overhead(), want, overheads[name])
				}
				id, df := 4711, false
				if plain.IP().DF() {
					id, df = 0, true
				}
				o := w.outer
				got := fmt.Sprintf("%v > %v ttl %d tos %#x id %d df %v", o.SrcIP, o.DstIP, o.TTL, o.TOS, o.Id, o.Flags&layers.IPv4DontFragment != 0)
				tos := plain.IP().TOS()
				if tos == 0x2b { // congestion experienced
					tos = 0x2a
				}
				if want := fmt.Sprintf("10.0.0.1 > 10.0.0.11 ttl %d tos %#x id %d df %v", plain.IP().TTL(), tos, id, df); got != want {
					t.Errorf("outer header %s, want %s", got, want)
				}
			})
		}
	}
}

// With the longest packet that a tunnel accepts, the outer header has the greatest
// possible total length.
func TestTunnel_TakesNoMoreThanItsHeaderCanSay(t *testing.T) {
	for name, tunnel := range tunnels {
		longest := 65535 - overheads[name]
		in := packettest.Frame{Src: client, Dst: vip, UDP: true, Payload: make([]byte, longest-28)}
		f := parsed(t, in.Bytes())
		if !nat.Tunnel(f, tunnel, own, server, 1, true) {
			t.Errorf("%s: refused a packet of %d bytes", name, longest)
		} else if w := unwrap(t, f.Bytes()); len(w.inside) != longest {
			t.Errorf("%s: %d bytes inside, want %d", name, len(w.inside), longest)
		}
		in.Payload = append(in.Payload, 0)
		b := in.Bytes()
		f = parsed(t, b)
		if nat.Tunnel(f, tunnel, own, server, 1, true) || !bytes.Equal(f.Bytes(), b) {
			t.Errorf("%s: took or changed a packet of %d bytes", name, longest+1)
		}
	}
}

// guePort wraps a frame in GUE and returns the outer source port.
func guePort(t testing.TB, frame packettest.Frame) int {
	t.Helper()
	f := parsed(t, frame.Bytes())
	nat.Tunnel(f, tunnels["gue"], own, server, 1, true)
	return int(binary.BigEndian.Uint16(f.Bytes()[34:]))
}

func TestTunnel_GivesEveryFlowAPort(t *testing.T) {
	ports := map[int]bool{}
	const flows = 2000
	for i := range flows {
		in := packettest.Frame{Src: fmt.Sprintf("198.51.%d.7:40000", i%200), Dst: fmt.Sprintf("192.0.2.10:%d", 80+i/200), Flags: "S"}
		port := guePort(t, in)
		if port < 32768 || port > 60999 {
			t.Fatalf("%s > %s: port %d, want one from 32768 to 60999", in.Src, in.Dst, port)
		}
		ports[port] = true
		in.Flags, in.DF, in.Payload = "PA", true, []byte("more")
		if again := guePort(t, in); again != port {
			t.Errorf("%s > %s: port %d, then %d", in.Src, in.Dst, port, again)
		}
	}
	// 2000 random draws from 28231 ports give about 1930 different ports.
	if len(ports) < 1850 {
		t.Errorf("%d flows share %d ports", flows, len(ports))
	}
	plain := packettest.Frame{Src: client, Dst: vip}
	tcp := guePort(t, plain)
	plain.UDP = true
	if udp := guePort(t, plain); udp == tcp {
		t.Errorf("TCP and UDP both use source port %d", tcp)
	}
}

// One of the 65535 ports gives a UDP checksum of 0, which must be written as 0xffff.
func TestTunnel_NeverWritesAZeroChecksumIntoGUE(t *testing.T) {
	frame := packettest.Frame{Src: client, Dst: vip, Flags: "S"}.Bytes()
	found := false
	for port := uint16(1); port != 0; port++ {
		f := parsed(t, frame)
		nat.Tunnel(f, packet.Tunnel{Encap: packet.GUE, Checksum: packet.WithChecksum, Port: port}, own, server, 1, true)
		switch binary.BigEndian.Uint16(f.Bytes()[40:]) {
		case 0:
			t.Fatalf("port %d: checksum 0", port)
		case 0xffff:
			found = true
			unwrap(t, f.Bytes())
		}
	}
	if !found {
		t.Error("no port gave checksum 0xffff, so the case was not tested")
	}
}

func TestTunnel_DoesNotAllocate(t *testing.T) {
	frame := packettest.Frame{Src: client, Dst: vip, Flags: "A", TTL: 255}.Bytes()
	for name, tunnel := range tunnels {
		f := parsed(t, frame)
		was := *f
		if n := testing.AllocsPerRun(100, func() {
			*f = was
			nat.Tunnel(f, tunnel, own, server, 1, true)
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

// FuzzTunnel wraps arbitrary packets. gopacket must find in the tunnel the packet
// that DR would send.
func FuzzTunnel(f *testing.F) {
	f.Add(packettest.Frame{Src: client, Dst: vip, Flags: "S", DF: true}.Bytes(), uint8(1), uint8(1), uint16(6080))
	f.Add(packettest.Frame{Src: client, Dst: vip, UDP: true, Options: 4, TOS: 3}.Bytes(), uint8(2), uint8(1), uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, encap, checksum uint8, port uint16) {
		tunnel := packet.Tunnel{Encap: packet.Encap(encap % 3), Checksum: packet.TunnelChecksum(checksum % 3), Port: port}
		fr, plain := lent(b), lent(b)
		packet.Parse(fr)
		if packet.Parse(plain); plain.L3 == 0 || plain.IP().TTL() == 0 {
			return
		}
		if int(plain.IPLen)+int(tunnel.Overhead()) > 65535 {
			return
		}
		nat.Direct(plain)
		if !nat.Tunnel(fr, tunnel, own, server, port, port%2 == 0) {
			t.Fatal("no room")
		}
		if w := unwrap(t, fr.Bytes()); !bytes.Equal(w.inside, plain.IP()) {
			t.Fatalf("inside %x\nwant   %x", w.inside, plain.IP())
		}
	})
}
