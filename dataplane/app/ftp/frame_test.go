package ftp_test

import (
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/packet"
)

// segment is a TCP segment of a control connection.
type segment struct {
	fromServer bool
	seq, ack   uint32
	syn, fin   bool
	options    []layers.TCPOption
	payload    string
}

// bytes serialises s as an Ethernet frame before masquerading.
func (s segment) bytes() []byte {
	src, dst := client, virtual
	sport, dport := layers.TCPPort(40000), layers.TCPPort(21)
	if s.fromServer {
		src, dst, sport, dport = server, client, dport, sport
	}
	b := packettest.Serialize(
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: src.Netip().AsSlice(), DstIP: dst.Netip().AsSlice()},
		&layers.TCP{
			SrcPort: sport, DstPort: dport, Seq: s.seq, Ack: s.ack, SYN: s.syn, FIN: s.fin, ACK: true, PSH: s.payload != "",
			Window: 512, Options: s.options,
		},
		gopacket.Payload(s.payload),
	)
	for len(b) < 60 {
		b = append(b, 0)
	}
	return b
}

// room is the number of bytes by which a frame of these tests can grow.
const room = 64

// lend returns a parsed Frame that contains b, as a port lends it.
func lend(t testing.TB, b []byte) *packet.Frame {
	t.Helper()
	buf := make([]byte, packet.Headroom+len(b)+room)
	copy(buf[packet.Headroom:], b)
	f := &packet.Frame{Buf: buf, Off: packet.Headroom, Len: int32(len(b))}
	if reason := packet.Parse(f); reason != packet.None {
		t.Fatalf("Parse: %v", reason)
	}
	return f
}

func (s segment) frame(t testing.TB) *packet.Frame {
	t.Helper()
	return lend(t, s.bytes())
}

// sack returns the SACK option for blocks that are given as pairs of edges (RFC 2018
// §3).
func sack(edges ...uint32) layers.TCPOption {
	o := layers.TCPOption{OptionType: layers.TCPOptionKindSACK, OptionLength: uint8(2 + 4*len(edges))}
	for _, e := range edges {
		o.OptionData = append(o.OptionData, byte(e>>24), byte(e>>16), byte(e>>8), byte(e))
	}
	return o
}

func nops(n int) []layers.TCPOption { return slices.Repeat([]layers.TCPOption{nop}, n) }

var nop = layers.TCPOption{OptionType: layers.TCPOptionKindNop}

// blocks returns the edges of the SACK blocks of a decoded segment.
func blocks(d *packettest.Decoded) (edges []uint32) {
	for _, o := range d.TCP.Options {
		if o.OptionType != layers.TCPOptionKindSACK {
			continue
		}
		for b := o.OptionData; len(b) >= 4; b = b[4:] {
			edges = append(edges, uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3]))
		}
	}
	return edges
}
