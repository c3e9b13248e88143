package packet_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/packet"
)

const (
	partialSrc = "198.51.100.7:40000"
	partialDst = "192.0.2.10:80"
)

// whole are frames with complete checksums, by the kind of their headers.
func whole() map[string][]byte {
	frame := func(f packettest.Frame) []byte {
		f.Src, f.Dst = partialSrc, partialDst
		return f.Bytes()
	}
	return map[string][]byte{
		"tcp":              frame(packettest.Frame{Flags: "PA", Payload: []byte("odd")}),
		"tcp, padded":      frame(packettest.Frame{Flags: "S"}),
		"tcp, full":        frame(packettest.Frame{Flags: "A", Payload: bytes.Repeat([]byte{0xab, 0xcd, 0xef}, 486)}),
		"tcp with options": frame(packettest.Frame{Flags: "A", Options: 8, Payload: []byte("x")}),
		"udp":              frame(packettest.Frame{UDP: true, Payload: []byte("question")}),
		"udp, padded":      frame(packettest.Frame{UDP: true}),
		"sctp":             sctpFrame(),
	}
}

func sctpFrame() []byte {
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolSCTP, SrcIP: []byte{198, 51, 100, 7}, DstIP: []byte{192, 0, 2, 10}},
		&layers.SCTP{SrcPort: 40000, DstPort: 80, VerificationTag: 7},
		gopacket.Payload([]byte{1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 16, 0, 0, 1, 0, 1, 0, 0, 0, 1}))
}

// parsed returns b as a frame that Parse accepted.
func parsed(t *testing.T, b []byte) *packet.Frame {
	t.Helper()
	f := &packet.Frame{Buf: bytes.Clone(b), Len: int32(len(b))}
	if reason := packet.Parse(f); reason != packet.None {
		t.Fatalf("Parse: %v", reason)
	}
	return f
}

// The completed frame is the one that gopacket builds.
func TestCompleteChecksum_MakesTheFrameOfAnotherImplementation(t *testing.T) {
	for name, want := range whole() {
		t.Run(name, func(t *testing.T) {
			f := parsed(t, packettest.Partial(want))
			if !f.MayBePartial() || f.ChecksumOK() {
				t.Fatalf("MayBePartial %v, ChecksumOK %v, want true and false", f.MayBePartial(), f.ChecksumOK())
			}
			if !f.CompleteChecksum() || !bytes.Equal(f.Bytes(), want) {
				t.Errorf("completed\n%x, want\n%x", f.Bytes(), want)
			}
		})
	}
}

func TestChecksumOK_TellsRightFromWrong(t *testing.T) {
	for name, frame := range whole() {
		f := parsed(t, frame)
		if !f.ChecksumOK() || f.MayBePartial() {
			t.Errorf("%s: ChecksumOK %v, MayBePartial %v, want true and false", name, f.ChecksumOK(), f.MayBePartial())
		}
		f.Transport()[packet.UDPLen-1] ^= 0x10 // a part of the checksum, or of what it covers
		if f.ChecksumOK() {
			t.Errorf("%s: a wrong checksum is taken for a correct one", name)
		}
	}
	none := packettest.Frame{Src: partialSrc, Dst: partialDst, UDP: true, NoChecksum: true}
	if f := parsed(t, none.Bytes()); !f.ChecksumOK() || f.MayBePartial() {
		t.Error("a datagram without a checksum is taken for a wrong or a partial one")
	}
}

// The complete checksum of one packet in 65536 equals the sum of its pseudo-header.
func TestCompleteChecksum_LeavesACorrectOne(t *testing.T) {
	for _, udp := range []bool{false, true} {
		in := packettest.Frame{Src: partialSrc, Dst: partialDst, Flags: "A", UDP: udp, Payload: make([]byte, 2)}
		found := false
		for word := range 1 << 16 {
			binary.BigEndian.PutUint16(in.Payload, uint16(word))
			b := in.Bytes()
			f := parsed(t, b)
			if !f.MayBePartial() {
				continue
			}
			found = true
			if f.CompleteChecksum() || !bytes.Equal(f.Bytes(), b) {
				t.Errorf("udp %v: a correct checksum was changed", udp)
			}
		}
		if !found {
			t.Errorf("udp %v: no packet has such a checksum", udp)
		}
	}
}

// One of the 65536 payloads gives a checksum of 0, which must be written as 0xffff.
func TestCompleteChecksum_NeverWritesZero(t *testing.T) {
	in := packettest.Frame{Src: partialSrc, Dst: partialDst, UDP: true, Payload: make([]byte, 2)}
	ones := 0
	for word := range 1 << 16 {
		binary.BigEndian.PutUint16(in.Payload, uint16(word))
		f := parsed(t, packettest.Partial(in.Bytes()))
		f.CompleteChecksum()
		switch f.Transport().UDPChecksum() {
		case 0:
			t.Fatalf("payload %#04x: no checksum", word)
		case 0xffff:
			ones++
			packettest.Decode(t, f.Bytes())
		}
	}
	if ones != 1 {
		t.Errorf("%d payloads give a checksum of 0, want 1", ones)
	}
}

func TestCompleteChecksum_DoesNotAllocate(t *testing.T) {
	for name, frame := range whole() {
		partial := packettest.Partial(frame)
		f := parsed(t, partial)
		if n := testing.AllocsPerRun(50, func() {
			copy(f.Buf, partial)
			if f.MayBePartial() {
				f.CompleteChecksum()
			}
			f.ChecksumOK()
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}
