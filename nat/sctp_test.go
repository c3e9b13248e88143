package nat_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/nat"
	"director/packet"
)

// sctp returns a frame with an SCTP packet of one chunk.
func sctp(src, dst string, chunk []byte) []byte {
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolSCTP, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()},
		&layers.SCTP{SrcPort: layers.SCTPPort(from.Port()), DstPort: layers.SCTPPort(to.Port()), VerificationTag: 7},
		gopacket.Payload(chunk))
}

var data = []byte{0, 3, 0, 19, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 'o', 'd', 'd', 0}

// The rewritten packet equals the packet that gopacket builds with the new addresses
// and ports.
func TestMasquerading_ComputesTheSCTPChecksum(t *testing.T) {
	f := parsed(t, sctp(client, vip, data))
	nat.ToServer(f, server, 8080)
	f.IP().SetTTL(64)
	f.IP().UpdateChecksum()
	if want := sctp(client, "10.0.0.11:8080", data); !bytes.Equal(f.Bytes(), want) {
		t.Errorf("to the server\n%x, want\n%x", f.Bytes(), want)
	}
	f = parsed(t, sctp("10.0.0.11:8080", client, data))
	nat.ToClient(f, virtual, 80)
	f.IP().SetTTL(64)
	f.IP().UpdateChecksum()
	if want := sctp(vip, client, data); !bytes.Equal(f.Bytes(), want) {
		t.Errorf("to the client\n%x, want\n%x", f.Bytes(), want)
	}
}

// The SCTP checksum does not cover addresses (RFC 9260 §6.8).
func TestMasquerading_LeavesTheSCTPChecksumOfAnUnchangedPort(t *testing.T) {
	in := sctp(client, vip, data)
	in[packet.EthLen+packet.IPv4Len+8] ^= 1
	f := parsed(t, in)
	nat.ToServer(f, server, 80)
	if got, want := f.Transport(), in[packet.EthLen+packet.IPv4Len:]; !bytes.Equal(got, want) {
		t.Errorf("SCTP packet %x, want %x", got, want)
	}
}

func TestMasquerading_OfSCTPDoesNotAllocate(t *testing.T) {
	f := parsed(t, sctp(client, vip, data))
	port := uint16(0)
	if n := testing.AllocsPerRun(60, func() {
		port++
		nat.ToServer(f, server, port)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
