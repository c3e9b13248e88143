package packet_test

import (
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/packet"
)

// sctp returns a frame with an SCTP packet that contains these chunks.
func sctp(chunks []byte) []byte {
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolSCTP,
			SrcIP: net.IPv4(198, 51, 100, 7), DstIP: net.IPv4(192, 0, 2, 10)},
		&layers.SCTP{SrcPort: 40000, DstPort: 80, VerificationTag: 7},
		gopacket.Payload(chunks))
}

func TestParse_FindsTheChunkThatCounts(t *testing.T) {
	for name, c := range map[string]struct {
		chunks []byte
		want   uint8
	}{
		"init":                        {[]byte{1, 0, 0, 4}, packet.ChunkInit},
		"unknown":                     {[]byte{0xc1, 0, 0, 4}, 0xc1},
		"cookie echo":                 {[]byte{10, 0, 0, 8, 1, 2, 3, 4}, packet.ChunkCookieEcho},
		"cookie echo, data":           {[]byte{10, 0, 0, 4, 0, 0, 0, 4}, packet.ChunkCookieEcho},
		"cookie echo, abort":          {[]byte{10, 0, 0, 8, 1, 2, 3, 4, 6, 0, 0, 4}, packet.ChunkAbort},
		"padded cookie echo, abort":   {[]byte{10, 0, 0, 5, 1, 0, 0, 0, 6, 0, 0, 4}, packet.ChunkAbort},
		"cookie ack, abort":           {[]byte{11, 0, 0, 4, 6, 0, 0, 4}, packet.ChunkAbort},
		"cookie echo, data, abort":    {[]byte{10, 0, 0, 4, 0, 0, 0, 4, 6, 0, 0, 4}, packet.ChunkCookieEcho},
		"cookie echo, half an abort":  {[]byte{10, 0, 0, 4, 6, 0, 0}, packet.ChunkCookieEcho},
		"cookie echo without length":  {[]byte{10, 0, 0, 0, 6, 0, 0, 4}, packet.ChunkCookieEcho},
		"cookie echo beyond the end":  {[]byte{10, 0, 0xff, 0xff, 6, 0, 0, 4}, packet.ChunkCookieEcho},
		"data, abort":                 {[]byte{0, 0, 0, 4, 6, 0, 0, 4}, packet.ChunkData},
		"shutdown ack, cookie, abort": {[]byte{8, 0, 0, 4, 10, 0, 0, 4, 6, 0, 0, 4}, packet.ChunkShutdownAck},
	} {
		t.Run(name, func(t *testing.T) {
			f := frame(sctp(c.chunks))
			if got := packet.Parse(f); got != packet.None {
				t.Fatalf("Parse = %v, want none", got)
			}
			want := packet.Flow{
				Src: packet.MustAddr("198.51.100.7"), Dst: packet.MustAddr("192.0.2.10"),
				SrcPort: 40000, DstPort: 80, Proto: packet.ProtoSCTP,
			}
			if f.Flow != want || f.Chunk != c.want {
				t.Errorf("flow %+v chunk %d, want %+v chunk %d", f.Flow, f.Chunk, want, c.want)
			}
		})
	}
}

func TestParse_WantsAWholeSCTPChunkHeader(t *testing.T) {
	f := frame(sctp([]byte{1, 0, 0}))
	if got := packet.Parse(f); got != packet.Truncated {
		t.Errorf("3 bytes of a chunk header: Parse = %v, want truncated", got)
	}
	b := sctp([]byte{1, 0, 0, 4})
	ip := packet.IPv4(b[packet.EthLen:])
	ip.SetFlagsOffset(packet.IPv4MF)
	ip.UpdateChecksum()
	if got := packet.Parse(frame(b)); got != packet.Fragment {
		t.Errorf("first fragment: Parse = %v, want fragment", got)
	}
}
