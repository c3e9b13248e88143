package answer_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/dataplane/answer"
	"director/internal/packettest"
	"director/packet"
)

// resetLen is the length of an IPv4 and a TCP header without options.
const resetLen = packet.IPv4Len + packet.TCPLen

// segment returns a frame with a TCP segment from the client to the address of the
// host whose answers TestReset_IsTheKernels expects.
func segment(tcp layers.TCP, tos uint8, payload string) []byte {
	tcp.SrcPort, tcp.DstPort, tcp.Seq, tcp.Window = 4000, 80, 1000, 512
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, TOS: tos, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocolTCP,
			SrcIP: []byte{198, 51, 100, 7}, DstIP: []byte{192, 0, 2, 1}},
		&tcp, gopacket.Payload(payload))
}

// The expected segments are the answers of Linux 6.18 to segments for a closed port.
func TestReset_IsTheKernels(t *testing.T) {
	nops := []layers.TCPOption{{OptionType: layers.TCPOptionKindNop}, {OptionType: layers.TCPOptionKindNop},
		{OptionType: layers.TCPOptionKindNop}, {OptionType: layers.TCPOptionKindNop}}
	for name, c := range map[string]struct {
		in   []byte
		want string // the segment
	}{
		"ack":            {segment(layers.TCP{ACK: true, Ack: 2000}, 0, ""), "00500fa0000007d00000000050040000abe40000"},
		"syn, data":      {segment(layers.TCP{SYN: true}, 0, "abc"), "00500fa000000000000003ec50140000afb80000"},
		"fin, data":      {segment(layers.TCP{FIN: true}, 0, "abc"), "00500fa000000000000003ec50140000afb80000"},
		"syn, fin":       {segment(layers.TCP{SYN: true, FIN: true}, 0, "abc"), "00500fa000000000000003ed50140000afb70000"},
		"no flags":       {segment(layers.TCP{}, 0, "abcd"), "00500fa000000000000003ec50140000afb80000"},
		"syn, ack":       {segment(layers.TCP{SYN: true, ACK: true, Ack: 77}, 0, ""), "00500fa00000004d0000000050040000b3670000"},
		"options":        {segment(layers.TCP{SYN: true, Options: nops}, 0, "abc"), "00500fa000000000000003ec50140000afb80000"},
		"urgent, no ack": {segment(layers.TCP{URG: true, Urgent: 2}, 0, "abcd"), "00500fa000000000000003ec50140000afb80000"},
	} {
		t.Run(name, func(t *testing.T) {
			buf := bytes.Repeat([]byte{0xa5}, answer.MaxLen)
			n := answer.Reset(buf, parsed(t, c.in))
			if n != 54 || buf[n] != 0xa5 {
				t.Fatalf("Reset = %d bytes, byte 54 %#x; want 54, untouched", n, buf[54])
			}
			if got := hex.EncodeToString(buf[34:54]); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			got := packettest.Decode(t, buf[:n])
			if want := "192.0.2.1:80 > 198.51.100.7:4000"; got.Flow() != want || got.IP.TTL != 64 || got.IP.Id != 0 || got.IP.Flags != layers.IPv4DontFragment {
				t.Errorf("%s ttl %d id %d flags %v, want %s 64 0 DF", got.Flow(), got.IP.TTL, got.IP.Id, got.IP.Flags, want)
			}
			if dst, src := got.MACs(); !dst.IsZero() || !src.IsZero() {
				t.Errorf("Ethernet addresses %s %s, want none", dst, src)
			}
		})
	}
}

func TestReset_HasThePacketsTOS(t *testing.T) {
	buf := make([]byte, answer.MaxLen)
	n := answer.Reset(buf, parsed(t, segment(layers.TCP{ACK: true}, 0x10, "")))
	if got := packettest.Decode(t, buf[:n]).IP.TOS; got != 0x10 {
		t.Errorf("tos %#x, want 0x10", got)
	}
}

func TestReset_IsSilentWhereTheKernelIs(t *testing.T) {
	offset := func(words uint8) []byte { // sets the header length, with a correct checksum
		f := parsed(t, segment(layers.TCP{ACK: true}, 0, ""))
		l4 := f.Transport()
		delta := packet.Delta(0).Replace16(uint16(l4[12])<<8, uint16(words)<<12)
		l4[12] = words << 4
		l4.SetTCPChecksum(delta.Apply(l4.TCPChecksum()))
		return f.Bytes()
	}
	wrong := segment(layers.TCP{ACK: true}, 0, "data")
	wrong[packet.EthLen+resetLen] ^= 1 // the first byte of data
	for name, in := range map[string][]byte{
		"rst":                   segment(layers.TCP{RST: true}, 0, ""),
		"rst, ack":              segment(layers.TCP{RST: true, ACK: true}, 0, ""),
		"wrong checksum":        wrong,
		"header of 16 bytes":    offset(4),
		"header beyond the end": offset(15),
	} {
		t.Run(name, func(t *testing.T) {
			buf := make([]byte, answer.MaxLen)
			if n := answer.Reset(buf, parsed(t, in)); n != 0 || !bytes.Equal(buf, make([]byte, answer.MaxLen)) {
				t.Errorf("Reset = %d bytes: %x", n, buf[:n])
			}
		})
	}
	buf := make([]byte, answer.MaxLen)
	if n := answer.Reset(buf, parsed(t, offset(5))); n == 0 {
		t.Error("no answer to a header of 20 bytes, so the cases above prove nothing")
	}
}

// FuzzAnswer answers arbitrary frames in every way that is allowed for them.
func FuzzAnswer(f *testing.F) {
	f.Add(segment(layers.TCP{SYN: true}, 0x2b, "abc"), uint16(1480))
	f.Add(packettest.Frame{Src: client, Dst: vip, UDP: true, Options: 8, Payload: []byte("x")}.Bytes(), uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, mtu uint16) {
		if len(b) > 1<<15 {
			return
		}
		fr := &packet.Frame{Buf: bytes.Clone(b), Len: int32(len(b))} // Unwrap writes
		reason := packet.Parse(fr)
		if fr.L3 == 0 {
			return
		}
		if reason == packet.None && fr.Proto == packet.ProtoTCP {
			buf := make([]byte, answer.MaxLen)
			if n := answer.Reset(buf, fr); n != 0 {
				packettest.Decode(t, buf[:n])
			}
		}
		if answer.Answerable(fr) {
			judge(t, fr, mtu)
		}
		if q := new(packet.Quote); packet.ParseQuote(fr, q) {
			packet.Unwrap(fr, q)
			if answer.Answerable(fr) {
				judge(t, fr, mtu)
			}
		}
	})
}

// judge checks an error about f with gopacket.
func judge(t *testing.T, f *packet.Frame, mtu uint16) {
	ip, m := said(t, f, virtual, packet.ICMPUnreachable, packet.CodeFragNeeded, mtu, 1)
	if want := f.IP()[:min(548, int(f.IPLen))]; !bytes.Equal(m.Payload, want) || m.Seq != mtu || ip.Length > 576 {
		t.Errorf("quotes %x\nwant %x; mtu %d, want %d", m.Payload, want, m.Seq, mtu)
	}
}
