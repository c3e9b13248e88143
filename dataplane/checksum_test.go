package dataplane_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// partially are the packets of the tests: a handshake's first, later ones that hit.go
// handles, one with IPv4 options, which it leaves to the stages, and a datagram.
func partially() []packettest.Frame {
	frames := []packettest.Frame{{Flags: "S"}}
	for range manyPackets + 2 {
		frames = append(frames, packettest.Frame{Flags: "PA", DF: true, Payload: []byte("GET / HTTP/1.1")})
	}
	return append(frames,
		packettest.Frame{Flags: "A", Options: 4, Payload: []byte("odd")},
		packettest.Frame{UDP: true, Payload: []byte("a question that is long enough")},
		packettest.Frame{UDP: true, Payload: []byte("short")})
}

// Every packet leaves with a complete checksum, by each method, also in the batches whose
// checksums are not verified. packettest decodes it.
func TestChecksums_AreCompletedForServers(t *testing.T) {
	for _, method := range []service.Method{service.NAT, service.DR, service.TUN} {
		r := newRig(t, options{method: method, partial: true})
		sent := partially()
		for _, f := range sent {
			r.ports[0][0].Push(packettest.Partial(fromClient(40000, f)))
			r.step()
		}
		out := r.ports[1][0].Take()
		if len(out) != len(sent) {
			t.Fatalf("%v: %d of %d packets sent", method, len(out), len(sent))
		}
		for i, b := range out {
			if d := packettest.Decode(t, b); !bytes.Equal(d.Payload, sent[i].Payload) {
				t.Errorf("%v: packet %d has the payload %q, want %q", method, i, d.Payload, sent[i].Payload)
			}
		}
		if c := r.counts(); c.Completed[0] != uint64(len(sent)) || c.Wrong[0] != 0 {
			t.Errorf("%v: %d checksums completed, %d wrong, want %d and 0", method, c.Completed[0], c.Wrong[0], len(sent))
		}
	}
}

func TestChecksums_AreCompletedForClients(t *testing.T) {
	r := newRig(t, options{partial: true})
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}), fromClient(40000, packettest.Frame{UDP: true}))
	r.step()
	r.ports[1][0].Take()
	sent := partially()
	for _, f := range sent {
		r.ports[1][0].Push(packettest.Partial(fromServer(4, 40000, f)))
	}
	r.step()
	out := r.ports[0][0].Take()
	if len(out) != len(sent) {
		t.Fatalf("%d of %d answers sent; counts %+v", len(out), len(sent), r.counts())
	}
	for _, b := range out {
		packettest.Decode(t, b)
	}
	if c := r.counts(); c.Completed[1] != uint64(len(sent)) || c.Completed[0] != 0 {
		t.Errorf("%d checksums completed, want those of %d answers", c.Completed, len(sent))
	}
}

// The director and the kernel would take a partial checksum for a wrong one: a segment
// without a connection gets no reset, and the kernel drops what it gets back.
func TestChecksums_AreCompletedForTheDirectorAndTheKernel(t *testing.T) {
	r := newRig(t, options{partial: true})
	r.ports[0][0].Push(packettest.Partial(fromClient(40000, packettest.Frame{Flags: "A"})))
	r.ports[1][0].Push(packettest.Partial(fromServer(1, 40000, packettest.Frame{Flags: "S", Src: serverIP(1) + ":5000"})))
	r.step()
	if reset := r.one(r.ports[0][0]); !reset.TCP.RST {
		t.Errorf("answered with %+v, want a reset", reset.TCP)
	}
	packettest.Decode(t, r.hosts[1][0].Take()[0])
}

// Where no frame can have a partial checksum, none is looked for: the checksum is wrong
// and stays wrong, as in IPVS.
func TestChecksums_ThatAreWrongStayWrong(t *testing.T) {
	for _, partial := range []bool{false, true} {
		r := newRig(t, options{partial: partial})
		frame := fromClient(40000, packettest.Frame{Flags: "S"})
		if partial {
			frame[packet.EthLen+packet.IPv4Len+17] ^= 1
		} else {
			frame = packettest.Partial(frame)
		}
		r.ports[0][0].Push(frame)
		r.step()
		if _, err := packettest.Read(r.ports[1][0].Take()[0]); err == nil {
			t.Errorf("partial %v: a wrong checksum became right", partial)
		}
		if c := r.counts(); c.Wrong[0] != 1 || c.Completed[0] != 0 {
			t.Errorf("partial %v: %d wrong, %d completed, want 1 and 0", partial, c.Wrong[0], c.Completed[0])
		}
	}
}

// Checksums are verified all the time, but not of all packets.
func TestChecksums_AreVerifiedFromTimeToTime(t *testing.T) {
	for _, partial := range []bool{false, true} {
		r := newRig(t, options{partial: partial})
		wrong := fromClient(40000, packettest.Frame{Flags: "S"})
		wrong[packet.EthLen+packet.IPv4Len+17] ^= 1
		for _, want := range []uint64{1, 1, 2, 2} {
			r.ports[0][0].Push(wrong)
			r.step()
			if got := r.counts().Wrong[0]; got != want {
				t.Errorf("partial %v, at %v: %d wrong checksums counted, want %d", partial, r.clock.Now(), got, want)
			}
			r.clock.Advance(5 * time.Millisecond)
		}
		none := fromClient(40000, packettest.Frame{UDP: true, NoChecksum: true})
		r.clock.Advance(time.Second)
		r.ports[0][0].Push(none)
		r.step()
		if got := r.counts().Wrong[0]; got != 2 {
			t.Errorf("partial %v: %d wrong checksums counted, want 2: a datagram needs none", partial, got)
		}
	}
}

// Nothing but whole TCP, UDP and SCTP packets can have a partial checksum. A ping goes to
// the kernel as it came, although it has zeros where SCTP has its checksum.
func TestChecksums_OfOtherProtocolsAreLeftAlone(t *testing.T) {
	r := newRig(t, options{partial: true})
	ping := packettest.Serialize(
		&layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: eth0MAC[:], EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: []byte{198, 51, 100, 7}, DstIP: []byte{192, 0, 2, 10}},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0)},
		gopacket.Payload(make([]byte, 56)))
	r.ports[0][0].Push(ping)
	r.step()
	if got := r.hosts[0][0].Take(); len(got) != 1 || !bytes.Equal(got[0], ping) {
		t.Errorf("the kernel got %x, want %x", got, ping)
	}
}

// SCTP has a CRC, which does not cover the addresses.
func TestChecksums_OfSCTPAreCompleted(t *testing.T) {
	init := packettest.Serialize(
		&layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: eth0MAC[:], EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolSCTP, SrcIP: []byte{198, 51, 100, 7}, DstIP: []byte{192, 0, 2, 10}},
		&layers.SCTP{SrcPort: 40000, DstPort: 80, VerificationTag: 7},
		gopacket.Payload([]byte{1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 16, 0, 0, 1, 0, 1, 0, 0, 0, 1}))
	r := newRig(t, options{method: service.DR, partial: true})
	s := r.specs[0]
	s.Key.Proto = packet.ProtoSCTP
	if err := r.control.Add([]service.Spec{s}); err != nil {
		t.Fatal(err)
	}
	r.ports[0][0].Push(packettest.Partial(init))
	r.step()
	out := r.ports[1][0].Take()
	if len(out) != 1 || !bytes.Equal(out[0][packet.EthLen+packet.IPv4Len:], init[packet.EthLen+packet.IPv4Len:]) {
		t.Errorf("sent %x, want the transport of %x", out, init)
	}
}
