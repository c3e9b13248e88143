package packet_test

import (
	"testing"

	"director/internal/packettest"
	"director/packet"
)

// TestParsePlain_ReadsWhatParseReads compares the two parsers. The same packet with
// an IP option is not plain, and Parse must find the same header at other offsets.
func TestParsePlain_ReadsWhatParseReads(t *testing.T) {
	for name, in := range map[string]packettest.Frame{
		"tcp": {Flags: "SA", Payload: []byte("hello")},
		"udp": {UDP: true, Payload: make([]byte, 100)},
	} {
		t.Run(name, func(t *testing.T) {
			in.Src, in.Dst, in.DstMAC = "198.51.100.7:40000", "192.0.2.10:80", packet.MAC{2, 0, 0, 0, 0, 9}
			plain := frame(in.Bytes())
			in.Options = 4
			general := frame(in.Bytes())
			if !packet.ParsePlain(plain) || packet.ParsePlain(general) || packet.Parse(general) != packet.None {
				t.Fatal("only the frame without options is plain")
			}
			want := general.Header
			want.L4, want.IPLen, want.Plain = want.L4-4, want.IPLen-4, true
			if plain.Header != want {
				t.Errorf("%+v, want %+v", plain.Header, want)
			}
			if plain.To != in.DstMAC.Key() {
				t.Errorf("Ethernet destination %x, want %x", plain.To, in.DstMAC.Key())
			}
		})
	}
}

// Every bit of the EtherType and of the IPv4 header matters: a frame with one flipped
// bit is not plain or not valid.
func TestParsePlain_RefusesEveryOtherHeader(t *testing.T) {
	good := packettest.Frame{Src: "198.51.100.7:40000", Dst: "192.0.2.10:80", Flags: "A"}.Bytes()
	for bit := range (packet.EthLen + packet.IPv4Len) * 8 {
		if bit < 12*8 {
			continue // the Ethernet addresses may have any value
		}
		b := append([]byte(nil), good...)
		b[bit/8] ^= 1 << (bit % 8)
		if packet.ParsePlain(frame(b)) {
			t.Errorf("ParsePlain = true with bit %d of byte %d flipped", bit%8, bit/8)
		}
	}
	for n := range len(good) {
		if f := frame(good[:n]); packet.ParsePlain(f) && n < packet.PlainLen {
			t.Errorf("ParsePlain = true for a frame of %d bytes", n)
		}
	}
}

// Here the checksum is correct, so only the fragment bits or the length can make
// ParsePlain refuse the frame.
func TestParsePlain_LeavesFragmentsAndWrongLengthsToParse(t *testing.T) {
	for name, change := range map[string]func(ip packet.IPv4){
		"more fragments": func(ip packet.IPv4) { ip.SetFlagsOffset(packet.IPv4MF) },
		"last bit":       func(ip packet.IPv4) { ip.SetFlagsOffset(1) },
		"first bit":      func(ip packet.IPv4) { ip.SetFlagsOffset(0x1000) },
		"too long":       func(ip packet.IPv4) { ip.SetTotalLen(uint16(len(ip)) + 1) },
		"too short":      func(ip packet.IPv4) { ip.SetTotalLen(packet.IPv4Len + packet.TCPLen - 1) },
	} {
		f := frame(packettest.Frame{Src: "198.51.100.7:40000", Dst: "192.0.2.10:80", Flags: "A", Payload: make([]byte, 50)}.Bytes())
		ip := packet.IPv4(f.Bytes()[packet.EthLen:])
		change(ip)
		ip.SetChecksum(0)
		ip.SetChecksum(^packet.Sum(ip[:packet.IPv4Len], 0))
		if packet.ParsePlain(f) {
			t.Errorf("%s: ParsePlain = true, want false", name)
		}
	}
}
