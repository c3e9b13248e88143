package dataplane_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/dataplane"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

const routerIP = "10.0.0.77"

// longPacket is a client's packet that fills most of the link.
var longPacket = packettest.Frame{Flags: "A", DF: true, Payload: make([]byte, 1400)}

// tunnelled returns a rig whose only TCP server has that tunnel, and the packet of a
// connection that the tunnel has carried last, without its Ethernet header. Another
// connection, from port 40001, has sent short packets only.
func tunnelled(t *testing.T, tunnel packet.Tunnel) (r *rig, sent []byte) {
	t.Helper()
	r = newRig(t, options{method: service.TUN, weights: []int32{1}})
	s := r.specs[0].Servers[0]
	s.Tunnel = tunnel
	if err := r.control.EditServer(r.specs[0].Key, s); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Hour)
	r.ports[0][0].Push(fromClient(40001, packettest.Frame{Flags: "S", DF: true}), fromClient(40000, packettest.Frame{Flags: "S", DF: true}))
	for range manyPackets + 1 {
		r.ports[0][0].Push(fromClient(40000, longPacket))
	}
	r.step()
	out := r.ports[1][0].Take()
	return r, out[len(out)-1][packet.EthLen:]
}

// tooLong returns an error of a router, as it arrives on the servers' interface: quoted is
// the packet that it quotes, of which it shows 548 bytes.
func tooLong(to string, mtu uint16, quoted []byte) []byte {
	src, dst := packet.MustAddr(routerIP).Netip(), packet.MustAddr(to).Netip()
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: eth1MAC[:], EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(packet.ICMPUnreachable, packet.CodeFragNeeded), Seq: mtu},
		gopacket.Payload(quoted[:min(548, len(quoted))]))
}

// path returns the path MTU to the only server, over a link of 1500.
func (r *rig) path() (mtu uint16, narrow bool) {
	return r.shared.View().Services.Server(0).Path.MTU(1500, r.clock.Now())
}

// An error about a tunnel is believed only if it quotes a packet that was sent lately.
// Everybody can send such errors: one that is believed slows all clients of the server.
func TestTunnelError_ForgedOnesAreNotBelieved(t *testing.T) {
	const innerAt = packet.IPv4Len // in an IPIP packet
	lengthen := func(q []byte) {
		packet.IPv4(q).SetTotalLen(packet.IPv4(q).TotalLen() + 8)
		packet.IPv4(q[innerAt:]).SetTotalLen(packet.IPv4(q[innerAt:]).TotalLen() + 8)
	}
	for name, c := range map[string]struct {
		tunnel packet.Tunnel
		mtu    uint16
		to     string
		after  time.Duration
		forge  func(q []byte)
	}{
		"a length that was never sent":      {forge: lengthen},
		"lengths that do not fit":           {forge: func(q []byte) { packet.IPv4(q).SetTotalLen(1500) }},
		"an identification":                 {forge: func(q []byte) { packet.IPv4(q).SetID(4711) }},
		"a packet that may be fragmented":   {forge: func(q []byte) { packet.IPv4(q).SetFlagsOffset(0) }},
		"a packet from another address":     {to: "198.51.100.1", forge: func(q []byte) { packet.IPv4(q).SetSrc(packet.MustAddr("198.51.100.1").V4()) }},
		"an error to another address":       {to: "198.51.100.1"},
		"a packet to another server":        {forge: func(q []byte) { packet.IPv4(q).SetDst(packet.MustAddr(serverIP(2)).V4()) }},
		"a connection without long packets": {forge: func(q []byte) { packet.L4(q[2*packet.IPv4Len:]).SetSrcPort(40001) }},
		"a connection that does not exist":  {forge: func(q []byte) { packet.L4(q[2*packet.IPv4Len:]).SetSrcPort(40002) }},
		"an old packet":                     {after: 6 * time.Second},
		"a packet that would have fit":      {mtu: 1460},
		"another port of GUE": {tunnel: gue, forge: func(q []byte) {
			port := binary.BigEndian.Uint16(q[packet.IPv4Len:])
			binary.BigEndian.PutUint16(q[packet.IPv4Len:], port^1)
		}},
		"another identification of GRE": {tunnel: gre, forge: func(q []byte) { packet.IPv4(q).SetID(1) }},
	} {
		t.Run(name, func(t *testing.T) {
			r, sent := tunnelled(t, c.tunnel)
			forged := bytes.Clone(sent)
			if c.forge != nil {
				c.forge(forged)
			}
			if c.mtu == 0 {
				c.mtu = 576
			}
			if c.to == "" {
				c.to = "10.0.0.1"
			}
			r.clock.Advance(c.after)
			r.ports[1][0].Push(tooLong(c.to, c.mtu, forged))
			r.step()
			if mtu, _ := r.path(); mtu != 1500 {
				t.Errorf("the path MTU became %d", mtu)
			}
			if told := r.ports[0][0].Take(); len(told) != 0 {
				t.Errorf("the client was told %x", told)
			}
			if left := r.hosts[1][0].Take(); len(left) != 1 {
				t.Errorf("%d frames left to the kernel, want the error", len(left))
			}
			// The same error about the packet that was sent is believed.
			r.ports[0][0].Push(fromClient(40000, longPacket))
			r.step()
			r.ports[1][0].Push(tooLong("10.0.0.1", 1300, sent))
			r.step()
			if mtu, _ := r.path(); mtu != 1300 {
				t.Errorf("a true error: the path MTU is %d, want 1300", mtu)
			}
		})
	}
}

// An error about a short packet is not believed, although the packet was sent.
func TestTunnelError_AboutAShortPacketIsNotBelieved(t *testing.T) {
	r, _ := tunnelled(t, ipip)
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "A", DF: true, Payload: make([]byte, 576-20-20-20)}))
	r.step()
	sent := r.ports[1][0].Take()[0][packet.EthLen:]
	r.ports[1][0].Push(tooLong("10.0.0.1", 500, sent))
	r.step()
	if mtu, _ := r.path(); mtu != 1500 {
		t.Errorf("the path MTU became %d", mtu)
	}
}

// A packet is remembered for four to five seconds. The clock of the worker that gets the
// error can be behind that of the worker that sent the packet.
func TestTunnelError_MemoryOfPackets(t *testing.T) {
	const wrap = 1 << 16 * time.Second // the seconds of a slot begin again
	for _, sent := range []time.Duration{100 * time.Second, wrap - time.Second, wrap, wrap + time.Second} {
		for after, want := range map[time.Duration]bool{
			-2 * time.Second: false, -time.Second: true, -time.Nanosecond: true, 0: true, 4 * time.Second: true,
			5 * time.Second: false, time.Hour: false,
		} {
			if got := dataplane.SentLately(int64(sent), int64(sent+after)); got != want {
				t.Errorf("sent at %v, error %v later: remembered %v, want %v", sent, after, got, want)
			}
		}
	}
}

// However narrow a path is said to be, packets of 576 bytes pass. Routers may then fragment
// the outer packet.
func TestTunnelError_LeavesRoomForEveryHostsPackets(t *testing.T) {
	for _, tunnel := range []packet.Tunnel{ipip, gue, gre} {
		for _, mtu := range []uint16{0, 68, 552, 595} {
			r, sent := tunnelled(t, tunnel)
			r.ports[1][0].Push(tooLong("10.0.0.1", mtu, sent))
			r.step()
			if got, narrow := r.path(); got != 576+tunnel.Overhead() || !narrow {
				t.Errorf("%v, reported %d: the path MTU is %d, narrow %v, want %d and narrow", tunnel.Encap, mtu, got, narrow, 576+tunnel.Overhead())
			}
			_, told, _ := r.icmpSent(r.ports[0][0])
			if told.Seq != 576 {
				t.Errorf("%v, reported %d: the client was told %d, want 576", tunnel.Encap, mtu, told.Seq)
			}
			r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "A", DF: true, Payload: make([]byte, 576-40)}))
			r.step()
			out := r.ports[1][0].Take()
			if len(out) != 1 || packet.IPv4(out[0][packet.EthLen:]).DF() {
				t.Errorf("%v, reported %d: %d frames sent, want one that may be fragmented", tunnel.Encap, mtu, len(out))
			}
		}
	}
}

// The error can arrive at another worker than the one that sent the packet.
func TestTunnelError_IsBelievedByEveryWorker(t *testing.T) {
	r := newRig(t, options{method: service.TUN, weights: []int32{1}, queues: [2]int{2, 2}})
	r.clock.Advance(time.Hour)
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S", DF: true}), fromClient(40000, longPacket))
	r.step()
	sent := r.ports[1][0].Take()[1][packet.EthLen:]
	r.ports[1][1].Push(tooLong("10.0.0.1", 1300, sent))
	r.step()
	if mtu, _ := r.path(); mtu != 1300 {
		t.Errorf("the path MTU is %d, want 1300", mtu)
	}
}
