package nat_test

import (
	"testing"

	"director/internal/packettest"
	"director/nat"
	"director/packet"
)

// plainly contains each rewriter of plain frames together with the general rewriter.
var plainly = map[string]struct{ plain, general func(*packet.Frame) }{
	"to server": {
		func(f *packet.Frame) { nat.PlainToServer(f.Front(), f.Proto, server.V4(), 8080) },
		func(f *packet.Frame) { nat.ToServer(f, server, 8080) },
	},
	"to client": {
		func(f *packet.Frame) { nat.PlainToClient(f.Front(), f.Proto, virtual.V4(), 80) },
		func(f *packet.Frame) { nat.ToClient(f, virtual, 80) },
	},
	"direct": {
		func(f *packet.Frame) { f.Front().Forward(0) },
		nat.Direct,
	},
	"tunnel": {
		func(f *packet.Frame) {
			nat.PlainIPIP(f, virtual.V4(), server.V4(), 0, true)
			f.Front().SetAddrs(&packet.MAC{}, &packet.MAC{}) // PlainIPIP does not write them
		},
		func(f *packet.Frame) { nat.Tunnel(f, packet.Tunnel{}, virtual, server, 0, true) },
	},
	"tunnel without DF": {
		func(f *packet.Frame) {
			nat.PlainIPIP(f, virtual.V4(), server.V4(), 7, false)
			f.Front().SetAddrs(&packet.MAC{}, &packet.MAC{})
		},
		func(f *packet.Frame) { nat.Tunnel(f, packet.Tunnel{}, virtual, server, 7, false) },
	},
}

// agree fails the test unless all plain rewriters and the general ones produce the
// same frame from b. The Ethernet addresses of b must be zero: see plainly.
func agree(t *testing.T, b []byte) {
	t.Helper()
	for name, way := range plainly {
		plain, general := lent(b), lent(b)
		if packet.Parse(plain) != packet.None || packet.Parse(general) != packet.None ||
			!plain.Plain || plain.IP().TTL() == 0 || !nat.Summed(plain.Front(), plain.Proto) {
			return
		}
		way.plain(plain)
		way.general(general)
		if string(plain.Bytes()) != string(general.Bytes()) {
			t.Errorf("%s:\n%x, want\n%x", name, plain.Bytes(), general.Bytes())
		}
	}
}

func TestPlain_IsWhatTheGeneralRewritingIs(t *testing.T) {
	for name, in := range map[string]packettest.Frame{
		"tcp":         {Flags: "PA", TOS: 0x10, ID: 7, TTL: 3, Payload: []byte("odd")},
		"congestion":  {Flags: "A", TOS: 3, DF: true},
		"udp":         {UDP: true, Payload: []byte("question"), DF: true},
		"udp longest": {UDP: true, Payload: make([]byte, 1472)},
	} {
		t.Run(name, func(t *testing.T) {
			in.Src, in.Dst = client, vip
			if f := parsed(t, in.Bytes()); !f.Plain || !nat.Summed(f.Front(), f.Proto) {
				t.Fatal("not a plain frame")
			}
			agree(t, in.Bytes())
		})
	}
}

// One of the 65536 ports gives a checksum of 0, which must be written as 0xffff.
func TestPlain_NeverWritesAZeroUDPChecksum(t *testing.T) {
	in := packettest.Frame{Src: client, Dst: vip, UDP: true, Payload: []byte("x")}.Bytes()
	ones := 0
	for port := range 1 << 16 {
		f := parsed(t, in)
		nat.PlainToServer(f.Front(), f.Proto, server.V4(), uint16(port))
		switch f.Front().UDPChecksum() {
		case 0:
			t.Fatalf("port %d: no checksum", port)
		case 0xffff:
			ones++
			packettest.Decode(t, f.Bytes())
		}
	}
	if ones != 1 {
		t.Errorf("%d ports give a checksum of 0, want 1", ones)
	}
}

func TestSummed_KnowsADatagramWithoutAChecksum(t *testing.T) {
	for _, c := range []struct {
		in   packettest.Frame
		want bool
	}{
		{packettest.Frame{UDP: true, NoChecksum: true, Payload: make([]byte, 20)}, false},
		{packettest.Frame{UDP: true, Payload: make([]byte, 20)}, true},
		{packettest.Frame{Flags: "A"}, true},
	} {
		c.in.Src, c.in.Dst = client, vip
		if f := parsed(t, c.in.Bytes()); nat.Summed(f.Front(), f.Proto) != c.want {
			t.Errorf("%+v: Summed = %v, want %v", c.in, !c.want, c.want)
		}
	}
}

// FuzzPlain compares the plain rewriters with the general ones.
func FuzzPlain(f *testing.F) {
	f.Add(packettest.Frame{Src: client, Dst: vip, Flags: "S", DF: true}.Bytes())
	f.Add(packettest.Frame{Src: client, Dst: vip, UDP: true, TOS: 0xff, Payload: make([]byte, 32)}.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > packet.MaxFrame-packet.Headroom {
			return
		}
		clear(b[:min(12, len(b))])
		agree(t, b)
	})
}
