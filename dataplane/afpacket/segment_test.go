package afpacket_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/dataplane/afpacket"
	"director/internal/packettest"
)

func TestSegment_TCPOverIPv4(t *testing.T) {
	data := payload(10*1448 + 17)
	segs := afpacket.Segments(packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), data),
		afpacket.GSOTCP4, 1448, true)
	if len(segs) != 11 {
		t.Fatalf("%d segments, want 11", len(segs))
	}
	seq, id := tcp().Seq, ip4(0).Id
	for i, s := range segs {
		p := decode(t, s)
		last := i == len(segs)-1
		ip, l4 := p.NetworkLayer().(*layers.IPv4), p.TransportLayer().(*layers.TCP)
		if ip.Id != id || l4.Seq != seq {
			t.Fatalf("segment %d: id %d seq %d, want %d %d", i, ip.Id, l4.Seq, id, seq)
		}
		if l4.FIN != last || l4.PSH != last || l4.CWR != (i == 0) || !l4.ACK {
			t.Fatalf("segment %d: FIN %v PSH %v CWR %v ACK %v", i, l4.FIN, l4.PSH, l4.CWR, l4.ACK)
		}
		if len(l4.Options) != 3 || l4.Window != 500 || l4.Ack != 7 {
			t.Fatalf("segment %d: header differs: %+v", i, l4)
		}
		want := data[i*1448 : min((i+1)*1448, len(data))]
		if !bytes.Equal(l4.Payload, want) {
			t.Fatalf("segment %d: %d bytes of payload, want %d", i, len(l4.Payload), len(want))
		}
		seq += uint32(len(want))
		id++
	}
}

func TestSegment_TCPOverIPv6(t *testing.T) {
	data := payload(5000)
	segs := afpacket.Segments(packettest.Serialize(eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolTCP), tcp(), data),
		afpacket.GSOTCP6, 1428, true)
	checkPayload(t, segs, 4, data)
}

func TestSegment_UDP(t *testing.T) {
	data := payload(3001)
	for _, net := range []struct {
		name string
		eth  layers.EthernetType
		ip   gopacket.SerializableLayer
	}{
		{"IPv4", layers.EthernetTypeIPv4, ip4(layers.IPProtocolUDP)},
		{"IPv6", layers.EthernetTypeIPv6, ip6(layers.IPProtocolUDP)},
	} {
		t.Run(net.name, func(t *testing.T) {
			segs := afpacket.Segments(packettest.Serialize(eth(net.eth), net.ip, udp(), data), afpacket.GSOUDP, 1000, true)
			checkPayload(t, segs, 4, data)
		})
	}
}

func TestSegment_UDPWithoutChecksumStaysSo(t *testing.T) {
	frame := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(), payload(300))
	clear(frame[40:42])
	for i, s := range afpacket.Segments(frame, afpacket.GSOUDP, 100, false) {
		if got := binary.BigEndian.Uint16(s[40:]); got != 0 {
			t.Fatalf("segment %d: checksum %#x, want 0", i, got)
		}
	}
}

func TestSegment_KeepsIPOptionsAndTags(t *testing.T) {
	ip := ip4(layers.IPProtocolTCP)
	ip.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
	data := payload(2500)
	segs := afpacket.Segments(packettest.Serialize(eth(layers.EthernetTypeDot1Q),
		&layers.Dot1Q{VLANIdentifier: 1, Type: layers.EthernetTypeDot1Q},
		&layers.Dot1Q{VLANIdentifier: 2, Type: layers.EthernetTypeIPv4}, ip, tcp(), data), afpacket.GSOTCP4, 1000, true)
	checkPayload(t, segs, 3, data)
	for i, s := range segs {
		if o := decode(t, s).NetworkLayer().(*layers.IPv4).Options; len(o) != 1 || o[0].OptionType != 148 {
			t.Fatalf("segment %d: options %v, want router alert", i, o)
		}
	}
}

func TestSegment_LengthInTheSuperPacketDoesNotMatter(t *testing.T) {
	data := payload(4000)
	frame := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), data)
	clear(frame[16:18]) // as in packets of more than 64 KB
	checkPayload(t, afpacket.Segments(frame, afpacket.GSOTCP4, 1000, true), 4, data)
}

func TestSegment_RefusesWhatDoesNotAgree(t *testing.T) {
	tcp4 := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), payload(3000))
	udp4 := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(), payload(3000))
	tcp6 := packettest.Serialize(eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolTCP), tcp(), payload(3000))
	change := func(frame []byte, at int, v byte) []byte {
		frame = bytes.Clone(frame)
		frame[at] = v
		return frame
	}
	for _, c := range []struct {
		name  string
		frame []byte
		gso   uint8
		size  uint16
	}{
		{"segments of nothing", tcp4, afpacket.GSOTCP4, 0},
		{"UDP said to be TCP", udp4, afpacket.GSOTCP4, 1000},
		{"TCP said to be UDP", tcp4, afpacket.GSOUDP, 1000},
		{"IPv6 said to be IPv4", tcp6, afpacket.GSOTCP4, 1000},
		{"IPv4 said to be IPv6", tcp4, afpacket.GSOTCP6, 1000},
		{"unknown kind", tcp4, 3, 1000},
		{"not IP", change(tcp4, 13, 6), afpacket.GSOTCP4, 1000},
		{"version 6 in IPv4", change(tcp4, 14, 0x65), afpacket.GSOTCP4, 1000},
		{"IP header too short", change(tcp4, 14, 0x44), afpacket.GSOTCP4, 1000},
		{"a fragment", change(tcp4, 20, 0x20), afpacket.GSOTCP4, 1000},
		{"TCP header too short", change(tcp4, 46, 0x40), afpacket.GSOTCP4, 1000},
		{"no payload", tcp4[:66], afpacket.GSOTCP4, 1000},
		{"half a TCP header", tcp4[:40], afpacket.GSOTCP4, 1000},
		{"half an IP header", tcp4[:30], afpacket.GSOTCP4, 1000},
		{"nothing", nil, afpacket.GSOTCP4, 1000},
	} {
		if segs := afpacket.Segments(c.frame, c.gso, c.size, true); segs != nil {
			t.Errorf("%s: %d segments, want none", c.name, len(segs))
		}
	}
}

func TestComplete_GivesAValidChecksum(t *testing.T) {
	for _, c := range []struct {
		name   string
		whole  []byte
		offset int
		proto  uint16
	}{
		{"TCP", packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), payload(77)), 16, 6},
		{"UDP", packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(), payload(78)), 6, 17},
	} {
		frame := bytes.Clone(c.whole)
		binary.BigEndian.PutUint16(frame[34+c.offset:], pseudoSum(frame[26:34], c.proto, uint16(len(frame)-34)))
		if !afpacket.Complete(frame, 34, 34+c.offset) {
			t.Errorf("%s: not completed", c.name)
		}
		if !bytes.Equal(frame, c.whole) {
			t.Errorf("%s:\n% x\nwant\n% x", c.name, frame, c.whole)
		}
	}
}

func TestComplete_ZeroBecomesAllOnes(t *testing.T) {
	frame := packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(), payload(10))
	// Two bytes of payload are chosen so that the checksum is zero.
	copy(frame[42:44], frame[40:42])
	binary.BigEndian.PutUint16(frame[40:], pseudoSum(frame[26:34], 17, 18))
	sum := ^slowSum(frame[34:])
	word := uint32(binary.BigEndian.Uint16(frame[42:])) + uint32(sum)
	binary.BigEndian.PutUint16(frame[42:], uint16(word+word>>16))
	if !afpacket.Complete(frame, 34, 40) {
		t.Fatal("not completed")
	}
	if got := binary.BigEndian.Uint16(frame[40:]); got != 0xffff {
		t.Fatalf("checksum %#x, want 0xffff", got)
	}
	decode(t, frame)
}

// checkPayload decodes every segment and compares the payload.
func checkPayload(t *testing.T, segs [][]byte, count int, data []byte) {
	t.Helper()
	if len(segs) != count {
		t.Fatalf("%d segments, want %d", len(segs), count)
	}
	var joined []byte
	for _, s := range segs {
		joined = append(joined, decode(t, s).TransportLayer().LayerPayload()...)
	}
	if !bytes.Equal(joined, data) {
		t.Fatalf("payload differs: %d bytes, want %d", len(joined), len(data))
	}
}

// FuzzSegment checks for arbitrary frames and offload headers that the segments carry
// the payload, are not too long and have valid checksums.
func FuzzSegment(f *testing.F) {
	f.Add(packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), tcp(), payload(500)), uint8(afpacket.GSOTCP4), uint16(200), true)
	f.Add(packettest.Serialize(eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolTCP), tcp(), payload(500)), uint8(afpacket.GSOTCP6), uint16(200), true)
	f.Add(packettest.Serialize(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(), payload(500)), uint8(afpacket.GSOUDP), uint16(200), true)
	f.Add(packettest.Serialize(eth(layers.EthernetTypeDot1Q), &layers.Dot1Q{Type: layers.EthernetTypeIPv6}, ip6(layers.IPProtocolUDP), udp(), payload(90)),
		uint8(afpacket.GSOUDP), uint16(1), false)
	f.Fuzz(func(t *testing.T, frame []byte, gso uint8, size uint16, needsCsum bool) {
		if len(frame) > 1024 {
			return // would only be slower, because every segment is decoded
		}
		segs := afpacket.Segments(frame, gso, size, needsCsum)
		in := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
		if in.TransportLayer() == nil {
			return // gopacket does not accept the input
		}
		rest := frame
		for i, s := range segs {
			p := gopacket.NewPacket(s, layers.LayerTypeEthernet, gopacket.NoCopy)
			if p.TransportLayer() == nil {
				t.Fatalf("segment %d of %d does not decode", i, len(segs))
			}
			checkSums(t, p)
			data := p.TransportLayer().LayerPayload()
			if i == 0 {
				rest = frame[len(s)-len(data):]
			}
			if !bytes.HasPrefix(rest, data) || len(data) > int(size) {
				t.Fatalf("segment %d of %d carries the wrong %d bytes", i, len(segs), len(data))
			}
			rest = rest[len(data):]
		}
		if len(segs) > 0 && len(rest) > 0 {
			t.Fatalf("%d bytes of payload were lost", len(rest))
		}
	})
}
