package service_test

import (
	"testing"

	"director/packet"
	"director/service"
)

// BenchmarkTable is what the workers ask of the services, of which there are a
// hundred: for each packet whether its destination is virtual, for one without a
// connection which service is meant, and for a new one which server.
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
			_, ok = s.Schedule(&f, 0, true)
		}
	})
	if !ok {
		b.Error("the service is not found, or has no server")
	}
}
