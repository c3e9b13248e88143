package service_test

import (
	"testing"

	"director/packet"
	"director/service"
)

// BenchmarkTable measures the look-ups of the workers in a table of a hundred
// services: whether a destination is virtual (each packet), the service (each packet
// without a connection) and the real server (each new connection).
func BenchmarkTable(b *testing.B) {
	var specs []service.Spec
	for n := range uint32(100) {
		s := empty(service.Key{Addr: packet.AddrFrom4(0xc0000200 + n/4), Port: uint16(80 + n%4), Proto: packet.ProtoTCP})
		for at := range 4 {
			s.Servers = append(s.Servers, server(at))
		}
		specs = append(specs, s)
	}
	table := newRegistry(b, service.Options{}, specs...).table
	f := packet.Flow{Src: packet.MustAddr("198.51.100.7"), SrcPort: 40000, Dst: specs[57].Addr, DstPort: specs[57].Port, Proto: packet.ProtoTCP}
	ok := false
	b.Run("VIP", func(b *testing.B) {
		for b.Loop() {
			ok = table.VIP(f.Dst)
		}
	})
	b.Run("no VIP", func(b *testing.B) {
		for b.Loop() {
			ok = !table.VIP(f.Src)
		}
	})
	b.Run("Lookup", func(b *testing.B) {
		for b.Loop() {
			ok = table.Lookup(&f) != nil
		}
	})
	b.Run("Schedule", func(b *testing.B) {
		s := table.Lookup(&f)
		for b.Loop() {
			_, ok = s.Schedule(&f, 0, service.Active{Masqueraded: true, Otherwise: true})
		}
	})
	if !ok {
		b.Error("the service is not found, or has no server")
	}
}
