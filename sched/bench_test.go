package sched_test

import (
	"testing"

	"director/packet"
	"director/sched"
)

// BenchmarkPick is the choice of one of 16 servers of different weights, for ever
// new clients.
func BenchmarkPick(b *testing.B) {
	var weights []int32
	for n := range int32(16) {
		weights = append(weights, 1+n%5)
	}
	for _, name := range sched.Names() {
		b.Run(name, func(b *testing.B) {
			s := newService(b, name, 0, weights...)
			f := packet.Flow{Dst: packet.MustAddr("192.0.2.10"), SrcPort: 40000, DstPort: 80, Proto: packet.ProtoTCP}
			client := uint32(0)
			for b.Loop() {
				client++
				f.Src = packet.AddrFrom4(client)
				if _, ok := s.Pick(&f, 0, s.list, &s.pos); !ok && name != "none" {
					b.Fatal("no server")
				}
			}
		})
	}
}
