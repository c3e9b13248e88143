package dataplane_test

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"director/dataplane"
	"director/dataplane/memport"
	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// sctp returns a frame with an SCTP packet of one chunk, without Ethernet addresses.
func sctp(src, dst string, chunk []byte) []byte {
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return packettest.Serialize(
		&layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: eth0MAC[:], EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolSCTP, SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()},
		&layers.SCTP{SrcPort: layers.SCTPPort(from.Port()), DstPort: layers.SCTPPort(to.Port()), VerificationTag: 7},
		gopacket.Payload(chunk))
}

// sctpRound returns a batch of SCTP packets from clients whose ports begin at first,
// or from their servers. It assumes that round robin began with these clients.
func sctpRound(first int, chunk []byte, reply bool) (frames [][]byte) {
	for i := range packet.BatchSize {
		client := netip.AddrPortFrom(netip.MustParseAddr(clientIP), uint16(first+i)).String()
		if reply {
			frames = append(frames, sctp(serverIP(4-i%4)+":8080", client, chunk))
		} else {
			frames = append(frames, sctp(client, vip+":80", chunk))
		}
	}
	return frames
}

// protocolRounds returns batches of one protocol: batches of new connections, and
// batches of packets in both directions for the connections of the first batch.
type protocolRounds struct {
	fresh        [][][]byte
	hit, answers [][]byte
}

const allocRuns = 20

func roundsOf(proto uint8) (p protocolRounds) {
	const first = 1000
	begin := []byte{1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 255, 255, 0, 1, 0, 1, 0, 0, 0, 1} // INIT
	data := []byte{0, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 'd', 'a', 't', 'a'}
	for round := range allocRuns + 1 {
		at := first + round*packet.BatchSize
		switch proto {
		case packet.ProtoTCP:
			p.fresh = append(p.fresh, clients(at, packettest.Frame{Flags: "S"}))
		case packet.ProtoUDP:
			p.fresh = append(p.fresh, clients(at, packettest.Frame{UDP: true, Payload: data}))
		case packet.ProtoSCTP:
			p.fresh = append(p.fresh, sctpRound(at, begin, false))
		}
	}
	switch proto {
	case packet.ProtoTCP:
		p.hit, p.answers = clients(first, packettest.Frame{Flags: "A"}), answers(first, packettest.Frame{Flags: "A"})
	case packet.ProtoUDP:
		p.hit, p.answers = p.fresh[0], answers(first, packettest.Frame{UDP: true, Payload: data})
	case packet.ProtoSCTP:
		p.hit, p.answers = sctpRound(first, data, false), sctpRound(first, data, true)
	}
	return p
}

// withoutAllocation checks that step does not allocate and sends all frames. sent
// returns the number of frames sent so far.
func withoutAllocation(t *testing.T, what string, step func(), sent func() int) {
	t.Helper()
	before := sent()
	if n := testing.AllocsPerRun(allocRuns, step); n != 0 {
		t.Errorf("%s: %v allocations a step, want 0", what, n)
	}
	if got, want := sent()-before, (allocRuns+1)*packet.BatchSize; got != want {
		t.Errorf("%s: %d frames sent, want %d", what, got, want)
	}
}

// No forwarding method allocates, for new and existing connections of all protocols.
func TestStep_DoesNotAllocateByAnyMethod(t *testing.T) {
	protocols := map[string]uint8{"TCP": packet.ProtoTCP, "UDP": packet.ProtoUDP, "SCTP": packet.ProtoSCTP}
	rounds := map[string]protocolRounds{}
	for name, proto := range protocols {
		rounds[name] = roundsOf(proto)
	}
	for name, c := range map[string]struct {
		method service.Method
		tunnel packet.Tunnel
	}{
		"NAT":                 {method: service.NAT},
		"direct":              {method: service.DR},
		"IPIP":                {method: service.TUN},
		"GUE":                 {service.TUN, packet.Tunnel{Encap: packet.GUE, Port: 6080}},
		"GUE with a checksum": {service.TUN, packet.Tunnel{Encap: packet.GUE, Checksum: packet.WithChecksum, Port: 6080}},
		"GRE":                 {service.TUN, packet.Tunnel{Encap: packet.GRE}},
		"GRE with a checksum": {service.TUN, packet.Tunnel{Encap: packet.GRE, Checksum: packet.WithChecksum}},
	} {
		for protocol, frames := range rounds {
			t.Run(name+", "+protocol, func(t *testing.T) {
				r := newRig(t, options{method: c.method})
				r.tunnelled(c.tunnel, protocols[protocol])
				w, p := r.oneArmed(append(frames.fresh, frames.hit, frames.answers)...)
				step := func() {
					if _, err := w.Step(); err != nil {
						t.Error(err)
					}
				}
				sent := func() int { return p.sent }
				p.rounds = frames.fresh
				withoutAllocation(t, "new", step, sent)
				if n := w.Counts().Conns; n != (allocRuns+1)*packet.BatchSize {
					t.Errorf("%d connections began, want one for each frame", n)
				}
				p.rounds, p.next = [][][]byte{frames.hit}, 0
				withoutAllocation(t, "hit", step, sent)
				if c.method == service.NAT {
					p.rounds = [][][]byte{frames.answers}
					withoutAllocation(t, "answers", step, sent)
				}
				if n := w.Counts().Conns; n != (allocRuns+1)*packet.BatchSize {
					t.Errorf("packets of existing connections began %d connections", n)
				}
			})
		}
	}
}

// tunnelled makes sure that a service of the protocol exists and that its servers use
// the tunnel.
func (r *rig) tunnelled(tunnel packet.Tunnel, proto uint8) {
	r.t.Helper()
	s := r.specs[0]
	s.Proto = proto
	if proto == packet.ProtoSCTP {
		if err := r.control.AddService(s); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, server := range s.Servers {
		server.Tunnel = tunnel
		if err := r.control.EditServer(s.Key, server); err != nil {
			r.t.Fatal(err)
		}
	}
}

// crossing has two workers. Each has a queue on the clients' side. Only the first has
// a queue on the servers' side.
type crossing struct {
	workers []*dataplane.Worker
	in      [2]*treadmill
	out     *treadmill
}

func newCrossing(t testing.TB) *crossing {
	t.Helper()
	r := newRig(t, options{queues: [2]int{2, 1}})
	c := &crossing{in: [2]*treadmill{newTreadmill(nil), newTreadmill(nil)}, out: newTreadmill(nil)}
	var err error
	if c.workers, err = dataplane.NewWorkers(r.shared, []dataplane.Interface{
		{Queues: []dataplane.Port{c.in[0], c.in[1]}, Hosts: []dataplane.Port{memport.New(), memport.New()}},
		{Queues: []dataplane.Port{c.out}, Hosts: []dataplane.Port{memport.New()}},
	}, []dataplane.Waiter{memport.NewWaiter(), memport.NewWaiter()}); err != nil {
		t.Fatal(err)
	}
	return c
}

// receive makes one of the workers receive the segments of 64 established connections
// at each further step.
func (c *crossing) receive(t testing.TB, worker int) {
	c.in[worker].rounds = [][][]byte{clients(1000, packettest.Frame{Flags: "S"})}
	c.step(t)
	c.in[worker].rounds = [][][]byte{clients(1000, packettest.Frame{Flags: "A"})}
	c.step(t)
}

// step makes a step of both workers. The worker that hands its frames over is first.
func (c *crossing) step(t testing.TB) {
	for _, w := range []*dataplane.Worker{c.workers[1], c.workers[0]} {
		if _, err := w.Step(); err != nil {
			t.Error(err)
		}
	}
}

// The names of the cases, by the worker that receives.
var crossings = []string{"own queue", "another's queue"}

// A frame that leaves by another interface does not allocate either, through the
// worker's own queue or through that of another worker.
func TestStep_DoesNotAllocateAcrossInterfaces(t *testing.T) {
	for worker, what := range crossings {
		c := newCrossing(t)
		c.receive(t, worker)
		withoutAllocation(t, what, func() { c.step(t) }, func() int { return c.out.sent })
		if n := c.workers[1].Counts().Handoff; (n > 0) != (worker == 1) {
			t.Errorf("%s: %d frames handed over", what, n)
		}
	}
}

// BenchmarkCross is like BenchmarkStep for frames that leave by another interface.
func BenchmarkCross(b *testing.B) {
	for worker, what := range crossings {
		b.Run(what, func(b *testing.B) {
			c := newCrossing(b)
			c.receive(b, worker)
			before := c.out.sent
			for b.Loop() {
				c.step(b)
			}
			sent := c.out.sent - before
			if sent != b.N*packet.BatchSize {
				b.Fatalf("%d of %d frames sent", sent, b.N*packet.BatchSize)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sent), "ns/packet")
		})
	}
}
