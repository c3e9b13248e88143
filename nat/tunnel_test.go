package nat_test

import (
	"bytes"
	"testing"

	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/nat"
	"director/packet"
)

func TestTunnel_WrapsThePacket(t *testing.T) {
	for name, c := range map[string]struct {
		in       packettest.Frame
		discover bool
		tos      uint8
		df       bool
		id       uint16
	}{
		"df":                     {packettest.Frame{DF: true, TTL: 33, TOS: 0x28}, true, 0x28, true, 0},
		"df, no discovery":       {packettest.Frame{DF: true}, false, 0, false, 4711},
		"no df":                  {packettest.Frame{}, true, 0, false, 4711},
		"congestion experienced": {packettest.Frame{TOS: 0x2b}, true, 0x2a, false, 4711},
		"padded":                 {packettest.Frame{UDP: true, DF: true}, true, 0, true, 0},
		"options":                {packettest.Frame{Options: 8, Payload: []byte("x")}, true, 0, false, 4711},
		"64 KiB":                 {packettest.Frame{UDP: true, Payload: make([]byte, 65535-20-28)}, true, 0, false, 4711},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.Src, c.in.Dst = client, vip
			f := parsed(t, c.in.Bytes())
			inner := int(f.IPLen)
			if !nat.Tunnel(f, packet.Tunnel{}, packet.MustAddr("10.0.0.1"), server, 4711, c.discover) {
				t.Fatal("no headroom")
			}
			got := packettest.Decode(t, f.Bytes())
			o := got.Outer
			if o == nil || o.SrcIP.String() != "10.0.0.1" || o.DstIP.String() != "10.0.0.11" {
				t.Fatalf("outer header %+v", o)
			}
			if int(o.Length) != inner+packet.IPv4Len || int(f.Len) != packet.EthLen+inner+packet.IPv4Len {
				t.Errorf("outer length %d, frame %d, want %d around %d", o.Length, f.Len, inner+packet.IPv4Len, inner)
			}
			if o.TOS != c.tos || o.Id != c.id || o.Flags&layers.IPv4DontFragment != 0 != c.df {
				t.Errorf("outer tos %#x id %d flags %v, want %#x %d df %v", o.TOS, o.Id, o.Flags, c.tos, c.id, c.df)
			}
			if o.TTL != got.IP.TTL {
				t.Errorf("outer ttl %d, inner %d, want the same", o.TTL, got.IP.TTL)
			}
			if got.IP.Flags&layers.IPv4DontFragment != 0 != c.in.DF {
				t.Errorf("inner flags %v, want df %v", got.IP.Flags, c.in.DF)
			}
			if want := "198.51.100.7:40000 > 192.0.2.10:80"; got.Flow() != want {
				t.Errorf("inner %s, want %s", got.Flow(), want)
			}
		})
	}
}

func TestTunnel_NeverUsesIdentificationZeroWithoutDF(t *testing.T) {
	seen := map[uint16]uint16{}
	for _, id := range []uint16{0xffff, 0, 1} {
		f := parsed(t, packettest.Frame{Src: client, Dst: vip, Flags: "S"}.Bytes())
		nat.Tunnel(f, packet.Tunnel{}, server, server, id, true)
		got := packettest.Decode(t, f.Bytes()).Outer.Id
		if before, ok := seen[got]; ok || got == 0 {
			t.Errorf("id %d became %d, which is 0 or was %d's", id, got, before)
		}
		seen[got] = id
	}
}

func TestTunnel_RefusesAFrameWithoutHeadroom(t *testing.T) {
	b := packettest.Frame{Src: client, Dst: vip, Flags: "S"}.Bytes()
	f := &packet.Frame{Buf: append([]byte(nil), b...), Len: int32(len(b))}
	if packet.Parse(f) != packet.None {
		t.Fatal("the frame does not parse")
	}
	if nat.Tunnel(f, packet.Tunnel{}, server, server, 1, true) {
		t.Error("Tunnel = true for a frame without headroom")
	}
	if string(f.Bytes()) != string(b) {
		t.Error("Tunnel changed the frame it refused")
	}
}

func TestTunnel_RefusesAPacketThatWouldBeTooLong(t *testing.T) {
	b := packettest.Frame{Src: client, Dst: vip, UDP: true, Payload: make([]byte, 65535-20-27)}.Bytes()
	f := parsed(t, b)
	if nat.Tunnel(f, packet.Tunnel{}, server, server, 1, true) {
		t.Errorf("Tunnel wrapped %d bytes", f.IPLen)
	}
	if !bytes.Equal(f.Bytes(), b) {
		t.Error("Tunnel changed the frame it refused")
	}
}
