package dataplane_test

import (
	"testing"
	"time"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

func TestNAT_ForwardsBothWays(t *testing.T) {
	r := newRig(t, options{})
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
	r.step()
	got := r.one(r.ports[1][0])
	// Servers were added 1 to 4, so round robin begins with 4.
	if want := "198.51.100.7:40000 > 10.0.0.14:8080"; got.Flow() != want {
		t.Errorf("to the server: %s, want %s", got.Flow(), want)
	}
	if dst, src := got.MACs(); dst != serverMAC(4) || src != eth1MAC || got.IP.TTL != 63 {
		t.Errorf("to %v from %v ttl %d", dst, src, got.IP.TTL)
	}
	r.ports[1][0].Push(fromServer(4, 40000, packettest.Frame{Flags: "SA"}))
	r.step()
	got = r.one(r.ports[0][0])
	if want := "192.0.2.10:80 > 198.51.100.7:40000"; got.Flow() != want {
		t.Errorf("to the client: %s, want %s", got.Flow(), want)
	}
	if dst, src := got.MACs(); dst != clientMAC || src != eth0MAC || got.IP.TTL != 63 {
		t.Errorf("to %v from %v ttl %d", dst, src, got.IP.TTL)
	}
}

func TestDR_ChangesTheEthernetHeaderAndTTL(t *testing.T) {
	r := newRig(t, options{method: service.DR})
	in := fromClient(40000, packettest.Frame{Flags: "S", TOS: 0x10, ID: 99, DF: true})
	r.ports[0][0].Push(in)
	r.step()
	sent := r.ports[1][0].Take()
	if len(sent) != 1 {
		t.Fatalf("%d frames sent", len(sent))
	}
	got := packettest.Decode(t, sent[0])
	if dst, src := got.MACs(); dst != serverMAC(4) || src != eth1MAC || got.IP.TTL != 63 {
		t.Errorf("to %v from %v ttl %d", dst, src, got.IP.TTL)
	}
	// All bytes except the MAC addresses, the TTL and the header checksum are the
	// same.
	for i := 12; i < len(in); i++ {
		if i != 22 && i != 24 && i != 25 && sent[0][i] != in[i] {
			t.Errorf("byte %d is %#02x, was %#02x", i, sent[0][i], in[i])
		}
	}
}

func TestTUN_WrapsForTheServer(t *testing.T) {
	r := newRig(t, options{method: service.TUN})
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S", DF: true, TTL: 33}))
	r.step()
	got := r.one(r.ports[1][0])
	if o := got.Outer; o == nil || o.SrcIP.String() != "10.0.0.1" || o.DstIP.String() != serverIP(4) || o.TTL != 32 {
		t.Errorf("outer header %+v, want 10.0.0.1 > %s ttl 32", o, serverIP(4))
	}
	if want := "198.51.100.7:40000 > 192.0.2.10:80"; got.Flow() != want {
		t.Errorf("inner %s, want %s", got.Flow(), want)
	}
}

func TestOneInterface_SendsInPlace(t *testing.T) {
	r := newRig(t, options{})
	// The servers move to the clients' segment.
	r.net.Routes[1].Link = 2
	for i := range r.net.Neighbors {
		r.net.Neighbors[i].Link = 2
	}
	r.control.Refresh()
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
	r.step()
	got := r.one(r.ports[0][0])
	if dst, src := got.MACs(); dst != serverMAC(4) || src != eth0MAC {
		t.Errorf("to %v from %v", dst, src)
	}
	if n := r.ports[0][0].Lent(); n != 0 {
		t.Errorf("%d frames were not returned to the port", n)
	}
}

func TestRoundRobin_IsExact(t *testing.T) {
	for _, o := range []options{{}, {queues: [2]int{2, 2}}, {queues: [2]int{2, 1}}} {
		r := newRig(t, o)
		const n = 1000
		for i := range n {
			// A retransmitted SYN in the same batch must not move the position.
			f := fromClient(10000+i, packettest.Frame{Flags: "S"})
			r.ports[0][i%len(r.ports[0])].Push(f, f)
		}
		r.step()
		for s := 1; s <= 4; s++ {
			if active, total := r.load(s); active != n/4 || total != n/4 {
				t.Errorf("queues %v: server %d has %d active of %d, want %d", o.queues, s, active, total, n/4)
			}
		}
		sent := 0
		for _, p := range r.ports[1] {
			sent += len(p.Take())
		}
		if c := r.counts(); sent != 2*n || c.Tx[1] != 2*n || c.Conns != n {
			t.Errorf("queues %v: %d frames sent, counted %d, %d connections", o.queues, sent, c.Tx[1], c.Conns)
		}
	}
}

func TestHandoff_CarriesFramesOfWorkersWithoutAQueue(t *testing.T) {
	r := newRig(t, options{queues: [2]int{2, 1}})
	for i := range 300 {
		r.ports[0][1].Push(fromClient(10000+i, packettest.Frame{Flags: "S"}))
	}
	r.step()
	if c := r.counts(); c.Handoff != 300 || c.Tx[1] != 300 {
		t.Errorf("%d handed over, %d sent, want 300 each; drops %v", c.Handoff, c.Tx[1], c.Drops)
	}
	sent := r.ports[1][0].Take()
	for i, f := range sent {
		if got := packettest.Decode(t, f); int(got.TCP.SrcPort) != 10000+i {
			t.Fatalf("frame %d is from port %d: reordered", i, got.TCP.SrcPort)
		}
	}
}

func TestUDP_IsForwardedAndNeverActive(t *testing.T) {
	r := newRig(t, options{})
	r.ports[0][0].Push(fromClient(5353, packettest.Frame{UDP: true, Payload: []byte("?")}))
	r.step()
	if got := r.one(r.ports[1][0]); got.Flow() != "198.51.100.7:5353 > 10.0.0.14:8080" {
		t.Errorf("to the server: %s", got.Flow())
	}
	r.ports[1][0].Push(fromServer(4, 5353, packettest.Frame{UDP: true, Payload: []byte("!")}))
	r.step()
	if got := r.one(r.ports[0][0]); got.Flow() != "192.0.2.10:80 > 198.51.100.7:5353" || string(got.Payload) != "!" {
		t.Errorf("to the client: %s %q", got.Flow(), got.Payload)
	}
	s := r.shared.View().Services.Server(7) // server 4 of the UDP service
	if s.Load.Active.Load() != 0 || s.Load.Total.Load() != 1 {
		t.Errorf("%d active of %d, want 0 of 1", s.Load.Active.Load(), s.Load.Total.Load())
	}
}

// TestConnections_ComeAndGo opens and closes ten thousand connections in both
// directions. When they have expired, nothing is left.
func TestConnections_ComeAndGo(t *testing.T) {
	const n = 10_000
	for _, method := range []service.Method{service.NAT, service.DR} {
		r := newRig(t, options{method: method, queues: [2]int{2, 2}})
		answers := map[string]string{"S": "SA", "FA": "FA"}
		const group = 100
		for first := 0; first < n; first += group {
			for _, flags := range []string{"S", "A", "FA", "A"} {
				for i := first; i < first+group; i++ {
					r.ports[0][i%2].Push(fromClient(20000+i, packettest.Frame{Flags: flags}))
				}
				r.step()
				r.answerAll(method, answers[flags])
			}
		}
		for s := 1; s <= 4; s++ {
			if active, total := r.load(s); active != 0 || total != n/4 {
				t.Errorf("%v: server %d has %d active of %d, want 0 of %d", method, s, active, total, n/4)
			}
		}
		r.clock.Advance(119 * time.Second)
		r.step()
		if got := r.shared.Conns().Used(); got != n {
			t.Errorf("%v: after 119 s %d connections, want %d", method, got, n)
		}
		r.clock.Advance(time.Second)
		r.step()
		if got := r.shared.Conns().Used(); got != 0 {
			t.Errorf("%v: after 120 s %d connections, want none", method, got)
		}
		for s := 1; s <= 4; s++ {
			if active, total := r.load(s); active != 0 || total != 0 {
				t.Errorf("%v: server %d still has %d active of %d", method, s, active, total)
			}
		}
		if c := r.counts(); c.Conns != n || c.Expired != n {
			t.Errorf("%v: %d made, %d ended, want %d", method, c.Conns, c.Expired, n)
		}
	}
}

func TestPending_SendsWhenTheNeighbourAnswers(t *testing.T) {
	r := newRig(t, options{noClient: true})
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
	r.step()
	r.ports[1][0].Take()
	for range 3 {
		r.ports[1][0].Push(fromServer(4, 40000, packettest.Frame{Flags: "SA"}))
	}
	r.step()
	if sent := r.ports[0][0].Take(); len(sent) != 0 {
		t.Fatalf("%d frames sent to an unknown neighbour", len(sent))
	}
	if len(r.wanted) != 3 || r.wanted[0] != packet.MustAddr(clientIP) {
		t.Errorf("requests to resolve %v, want %s", r.wanted, clientIP)
	}
	r.net = network(true)
	r.control.Refresh()
	r.step()
	sent := r.ports[0][0].Take()
	if len(sent) != 3 {
		t.Fatalf("%d frames sent after the answer, want 3", len(sent))
	}
	for _, f := range sent {
		if dst, src := packettest.Decode(t, f).MACs(); dst != clientMAC || src != eth0MAC {
			t.Errorf("to %v from %v", dst, src)
		}
	}
}

func TestPending_IsBoundedInNumberAndTime(t *testing.T) {
	r := newRig(t, options{noClient: true})
	r.ports[0][0].Push(fromClient(40000, packettest.Frame{Flags: "S"}))
	r.step()
	for range 100 {
		r.ports[1][0].Push(fromServer(4, 40000, packettest.Frame{Flags: "A"}))
	}
	r.step()
	if got := r.counts().Drops[packet.Neighbor]; got != 36 {
		t.Errorf("%d dropped at once, want all of 100 except the 64 that are pending", got)
	}
	r.clock.Advance(time.Second)
	r.step()
	if got := r.counts().Drops[packet.Neighbor]; got != 100 {
		t.Errorf("%d dropped after a second, want all 100", got)
	}
}
