package dataplane_test

import (
	"testing"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// BenchmarkStep measures the most frequent work of a director: a batch of segments of
// 64 established connections, by forwarding method and direction. On a port that can
// deliver partial checksums ("-veth"), each checksum is compared; a partial one is
// completed, in a short segment and in a full one.
func BenchmarkStep(b *testing.B) {
	syn, ack, full := packettest.Frame{Flags: "S"}, packettest.Frame{Flags: "A"}, packettest.Frame{Flags: "A", Payload: make([]byte, 1460)}
	for _, c := range []struct {
		name     string
		method   service.Method
		reply    bool
		veth     bool // the port can deliver partial checksums
		segment  packettest.Frame
		complete bool // the checksums are partial
		strict   bool // --tcp-strict
	}{
		{name: "nat", method: service.NAT, segment: ack},
		{name: "nat-reply", method: service.NAT, reply: true, segment: ack},
		{name: "dr", method: service.DR, segment: ack},
		{name: "tun", method: service.TUN, segment: ack},
		{name: "nat-strict", method: service.NAT, segment: ack, strict: true},
		{name: "nat-veth", method: service.NAT, veth: true, segment: ack},
		{name: "nat-veth-partial", method: service.NAT, veth: true, segment: ack, complete: true},
		{name: "nat-full", method: service.NAT, segment: full},
		{name: "nat-veth-full", method: service.NAT, veth: true, segment: full},
		{name: "nat-veth-full-partial", method: service.NAT, veth: true, segment: full, complete: true},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b, options{method: c.method, partial: c.veth, strict: c.strict})
			open, segments := clients(1000, syn), clients(1000, c.segment)
			if c.reply {
				segments = answers(1000, c.segment)
			}
			for i := range segments {
				if c.complete {
					segments[i] = packettest.Partial(segments[i])
				}
			}
			w, p := r.oneArmed(open, clients(1000, ack), segments)
			step := func() {
				if _, err := w.Step(); err != nil {
					b.Fatal(err)
				}
			}
			step()
			step()
			p.rounds, p.next, p.sent = p.rounds[2:], 0, 0
			for b.Loop() {
				step()
			}
			if p.sent != b.N*packet.BatchSize {
				b.Fatalf("%d of %d frames sent", p.sent, b.N*packet.BatchSize)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(p.sent), "ns/packet")
		})
	}
}
