package dataplane_test

import (
	"testing"

	"director/internal/packettest"
	"director/packet"
	"director/service"
)

// BenchmarkStep measures the most frequent work of a director: a batch of segments of
// 64 established connections, by forwarding method and direction.
func BenchmarkStep(b *testing.B) {
	syn, ack := packettest.Frame{Flags: "S"}, packettest.Frame{Flags: "A"}
	for _, c := range []struct {
		name   string
		method service.Method
		reply  bool
	}{
		{"nat", service.NAT, false}, {"nat-reply", service.NAT, true}, {"dr", service.DR, false}, {"tun", service.TUN, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b, options{method: c.method})
			open, segments := clients(1000, syn), clients(1000, ack)
			if c.reply {
				segments = answers(1000, ack)
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
