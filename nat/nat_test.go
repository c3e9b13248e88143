package nat_test

import (
	"testing"

	"director/internal/packettest"
	"director/nat"
	"director/packet"
)

// lent returns a Frame that contains b, with headroom, as a port lends it.
func lent(b []byte) *packet.Frame {
	buf := make([]byte, packet.Headroom+len(b))
	copy(buf[packet.Headroom:], b)
	return &packet.Frame{Buf: buf, Off: packet.Headroom, Len: int32(len(b))}
}

// parsed returns a parsed Frame that contains b.
func parsed(t testing.TB, b []byte) *packet.Frame {
	t.Helper()
	f := lent(b)
	if reason := packet.Parse(f); reason != packet.None {
		t.Fatalf("Parse: %v", reason)
	}
	return f
}

var (
	client  = "198.51.100.7:40000"
	vip     = "192.0.2.10:80"
	server  = packet.MustAddr("10.0.0.11")
	virtual = packet.MustAddr("192.0.2.10")
)

func TestToServer_ChangesTheDestinationOnly(t *testing.T) {
	for name, in := range map[string]packettest.Frame{
		"tcp":         {Flags: "S", TOS: 0x10, ID: 7},
		"tcp odd":     {Flags: "PA", Payload: []byte("odd")},
		"tcp options": {Flags: "A", Options: 12, Payload: []byte("x")},
		"udp":         {UDP: true, Payload: []byte("question")},
		"udp short":   {UDP: true},
		"64 KiB":      {UDP: true, Payload: make([]byte, 65535-28)},
	} {
		t.Run(name, func(t *testing.T) {
			in.Src, in.Dst = client, vip
			f := parsed(t, in.Bytes())
			nat.ToServer(f, server, 8080)
			got := packettest.Decode(t, f.Bytes())
			if want := "198.51.100.7:40000 > 10.0.0.11:8080"; got.Flow() != want {
				t.Errorf("flow %s, want %s", got.Flow(), want)
			}
			if got.IP.TTL != 63 || got.IP.TOS != in.TOS || got.IP.Id != in.ID {
				t.Errorf("ttl %d tos %#x id %d, want 63, %#x, %d", got.IP.TTL, got.IP.TOS, got.IP.Id, in.TOS, in.ID)
			}
			if string(got.Payload) != string(in.Payload) {
				t.Errorf("payload %q, want %q", got.Payload, in.Payload)
			}
		})
	}
}

func TestToClient_ChangesTheSourceOnly(t *testing.T) {
	f := parsed(t, packettest.Frame{Src: "10.0.0.11:8080", Dst: client, Flags: "SA"}.Bytes())
	nat.ToClient(f, virtual, 80)
	got := packettest.Decode(t, f.Bytes())
	if want := "192.0.2.10:80 > 198.51.100.7:40000"; got.Flow() != want || got.IP.TTL != 63 {
		t.Errorf("%s ttl %d, want %s ttl 63", got.Flow(), got.IP.TTL, want)
	}
}

func TestToServer_GivesADatagramWithoutChecksumOne(t *testing.T) {
	f := parsed(t, packettest.Frame{Src: client, Dst: vip, UDP: true, Payload: []byte("abc")}.Bytes())
	f.Transport().SetUDPChecksum(0)
	nat.ToServer(f, server, 53)
	if got := packettest.Decode(t, f.Bytes()); got.UDP.Checksum == 0 {
		t.Error("the datagram still has no checksum")
	}
}

// At least one of the 65536 ports gives a checksum of 0, which must be written as
// 0xffff.
func TestToServer_NeverWritesAZeroUDPChecksum(t *testing.T) {
	frame := packettest.Frame{Src: client, Dst: vip, UDP: true, Payload: []byte("abcd")}.Bytes()
	ones := 0
	for port := range 1 << 16 {
		f := parsed(t, frame)
		nat.ToServer(f, server, uint16(port))
		switch f.Transport().UDPChecksum() {
		case 0:
			t.Fatalf("port %d: checksum 0", port)
		case 0xffff:
			ones++
			packettest.Decode(t, f.Bytes())
		}
	}
	if ones == 0 {
		t.Error("no port gave checksum 0xffff, so the case was not tested")
	}
}

func TestToServer_LeavesAWrongChecksumWrong(t *testing.T) {
	f := parsed(t, packettest.Frame{Src: client, Dst: vip, Flags: "A", Payload: []byte("data")}.Bytes())
	f.Transport().SetTCPChecksum(f.Transport().TCPChecksum() ^ 0x0101)
	nat.ToServer(f, server, 8080)
	if _, err := packettest.Read(f.Bytes()); err == nil {
		t.Error("a packet that arrived damaged left with a valid checksum")
	}
}

func TestDirect_TakesOneOffTheTTL(t *testing.T) {
	f := parsed(t, packettest.Frame{Src: client, Dst: vip, Flags: "S", TTL: 17}.Bytes())
	nat.Direct(f)
	got := packettest.Decode(t, f.Bytes())
	if want := "198.51.100.7:40000 > 192.0.2.10:80"; got.Flow() != want || got.IP.TTL != 16 {
		t.Errorf("%s ttl %d, want %s ttl 16", got.Flow(), got.IP.TTL, want)
	}
}

// FuzzRewrite passes every frame that parses to every rewriter. gopacket must be able
// to decode the result. The checksums of the result are valid if those of the input
// are.
func FuzzRewrite(f *testing.F) {
	f.Add(packettest.Frame{Src: client, Dst: vip, Flags: "S"}.Bytes(), uint32(0x0a00000b), uint16(8080))
	f.Add(packettest.Frame{Src: client, Dst: vip, UDP: true, NoChecksum: true, Options: 4, Payload: make([]byte, 32)}.Bytes(), uint32(0xffffffff), uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, addr uint32, port uint16) {
		if len(b) > packet.MaxFrame-packet.Headroom {
			return
		}
		before, err := packettest.Read(b)
		if err != nil || before.Outer != nil {
			return // gopacket does not accept the input
		}
		to := packet.AddrFrom4(addr)
		for name, rewrite := range map[string]func(*packet.Frame){
			"to server": func(f *packet.Frame) { nat.ToServer(f, to, port) },
			"to client": func(f *packet.Frame) { nat.ToClient(f, to, port) },
			"direct":    nat.Direct,
			"tunnel":    func(f *packet.Frame) { nat.Tunnel(f, packet.Tunnel{}, to, to, port, true) },
		} {
			fr := lent(b)
			if packet.Parse(fr) != packet.None || fr.IP().TTL() == 0 {
				return
			}
			udpLength := before.UDP != nil && int(before.UDP.Length) != len(before.IP.Payload)
			rewrite(fr)
			after, err := packettest.Read(fr.Bytes())
			if err != nil {
				if udpLength {
					continue // the UDP length contradicts the IP length: only gopacket truncates
				}
				t.Fatalf("%s: %v", name, err)
			}
			if string(after.Payload) != string(before.Payload) {
				t.Fatalf("%s changed the payload", name)
			}
		}
	})
}

func TestRewriting_DoesNotAllocate(t *testing.T) {
	f := parsed(t, packettest.Frame{Src: client, Dst: vip, Flags: "A", TTL: 255}.Bytes())
	if n := testing.AllocsPerRun(100, func() { nat.ToServer(f, server, 8080) }); n != 0 {
		t.Errorf("ToServer: %v allocations, want 0", n)
	}
}

func BenchmarkToServer(b *testing.B) {
	f := parsed(b, packettest.Frame{Src: client, Dst: vip, Flags: "A", TTL: 255}.Bytes())
	for b.Loop() {
		nat.ToServer(f, server, 8080)
	}
}
