package dataplane_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// inTwo returns a UDP datagram of 136 bytes in two fragments, from the client or from
// server 4.
func inTwo(frame func(int, packettest.Frame) []byte, id uint16, f packettest.Frame) (first, later []byte) {
	f.UDP, f.MF, f.ID, f.Payload = true, true, id, bytes.Repeat([]byte{'a'}, 64)
	head := f
	head.NoChecksum = true
	first = frame(40000, head)
	first[packet.EthLen+packet.IPv4Len+5] += 64 // the UDP length covers both
	f.MF, f.Offset = false, 9
	return first, frame(40000, f)
}

func fromServer4(port int, f packettest.Frame) []byte { return fromServer(4, port, f) }

// A fragmented datagram is scheduled as one packet, in any order of the fragments,
// and is forwarded in fragments.
func TestFragments_GoOnAsFragments(t *testing.T) {
	for _, method := range []service.Method{service.NAT, service.DR} {
		r := newRig(t, options{method: method})
		first, later := inTwo(fromClient, 77, packettest.Frame{})
		r.ports[0][0].Push(later)
		r.step()
		if sent := r.ports[1][0].Take(); len(sent) != 0 {
			t.Fatalf("%v: %d frames sent for half a datagram", method, len(sent))
		}
		r.ports[0][0].Push(first)
		r.step()
		sent := r.ports[1][0].Take()
		if len(sent) != 2 {
			t.Fatalf("%v: %d frames sent, want 2", method, len(sent))
		}
		want := packet.MustAddr(vip)
		if method == service.NAT {
			want = packet.MustAddr(serverIP(4))
		}
		for i, f := range sent {
			ip := packet.IPv4(f[packet.EthLen:])
			if ip.Dst() != want.V4() || ip.TTL() != 63 || packet.Eth(f).Dst() != serverMAC(4) || packet.Sum(ip[:packet.IPv4Len], 0) != 0xffff || ip[5] != 77 {
				t.Errorf("%v: fragment %d goes to %v at %v, ttl %d, id %d", method, i, packet.AddrFrom4(ip.Dst()), packet.Eth(f).Dst(), ip.TTL(), ip[5])
			}
		}
		if c := r.counts(); c.Conns != 1 || c.Tx[1] != 2 {
			t.Errorf("%v: %d connections, %d sent, want 1 and 2", method, c.Conns, c.Tx[1])
		}
		r.control.Estimate()
		if got := r.control.Services()[1].Stats; got.InPkts != 1 || got.InBytes != 20+136 {
			t.Errorf("%v: %+v counted, want one packet of 156 bytes", method, got)
		}
	}
}

func TestFragments_OfAnAnswer(t *testing.T) {
	r := connected(t, options{}, true)
	first, later := inTwo(fromServer4, 5, packettest.Frame{})
	r.ports[1][0].Push(first, later)
	r.step()
	sent := r.ports[0][0].Take()
	if len(sent) != 2 {
		t.Fatalf("%d frames sent, want 2; %+v", len(sent), r.counts())
	}
	for i, f := range sent {
		if ip := packet.IPv4(f[packet.EthLen:]); ip.Src() != packet.MustAddr(vip).V4() {
			t.Errorf("fragment %d is from %v", i, packet.AddrFrom4(ip.Src()))
		}
	}
	if port := packet.L4(sent[0][packet.EthLen+packet.IPv4Len:]).SrcPort(); port != 80 {
		t.Errorf("from port %d, want 80", port)
	}
}

// Each fragment is counted as its datagram is.
func TestFragments_AreCountedEach(t *testing.T) {
	first, later := inTwo(fromClient, 1, packettest.Frame{})
	t.Run("dropped", func(t *testing.T) {
		r := newRig(t, options{weights: []int32{0}})
		r.ports[0][0].Push(first, later)
		r.step()
		if c := r.counts(); c.Drops[packet.NoServer] != 2 || c.Tx[0] != 1 {
			t.Errorf("%d dropped, %d sent, want 2 and an error", c.Drops[packet.NoServer], c.Tx[0])
		}
		if _, icmp, _ := r.icmpSent(r.ports[0][0]); icmp.TypeCode != layers.CreateICMPv4TypeCode(3, 3) {
			t.Errorf("%v, want port unreachable", icmp.TypeCode)
		}
	})
	t.Run("the kernel's", func(t *testing.T) {
		r := newRig(t, options{})
		first, later := inTwo(fromClient, 2, packettest.Frame{Dst: vip + ":81"})
		r.ports[0][0].Push(first, later)
		r.step()
		back := r.hosts[0][0].Take()
		if len(back) != 2 || !bytes.Equal(back[0], first) || !bytes.Equal(back[1], later) {
			t.Errorf("%d frames reinjected, want both unchanged", len(back))
		}
		if c := r.counts(); c.Host[packet.NoService] != 2 {
			t.Errorf("%d counted, want 2", c.Host[packet.NoService])
		}
	})
	t.Run("incomplete", func(t *testing.T) {
		r := newRig(t, options{})
		r.ports[0][0].Push(first)
		r.step()
		r.clock.Advance(29 * time.Second)
		r.step()
		if c := r.counts(); c.Drops[packet.Fragment] != 0 {
			t.Errorf("%d dropped after 29 s, want none", c.Drops[packet.Fragment])
		}
		r.clock.Advance(time.Second)
		r.step()
		if c := r.counts(); c.Drops[packet.Fragment] != 1 {
			t.Errorf("%d dropped after 30 s, want 1", c.Drops[packet.Fragment])
		}
		r.ports[0][0].Push(later)
		r.step()
		if c := r.counts(); c.Tx[1] != 0 {
			t.Errorf("%d frames sent for a late fragment", c.Tx[1])
		}
	})
}

// Different workers may receive the fragments of a datagram.
func TestFragments_MeetAcrossWorkers(t *testing.T) {
	r := newRig(t, options{queues: [2]int{2, 1}})
	first, later := inTwo(fromClient, 9, packettest.Frame{})
	r.ports[0][0].Push(first)
	r.step()
	r.ports[0][1].Push(later)
	r.step()
	if sent := r.ports[1][0].Take(); len(sent) != 2 {
		t.Errorf("%d frames sent, want 2", len(sent))
	}
	if c := r.counts(); c.Handoff != 2 || c.Tx[1] != 2 {
		t.Errorf("%d handed over, %d sent, want 2 each", c.Handoff, c.Tx[1])
	}
}
