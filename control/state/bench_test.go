package state_test

import (
	"path/filepath"
	"testing"
	"time"

	"director/conntrack"
	"director/control/state"
	"director/dataplane"
	"director/internal/files/filestest"
	"director/packet"
)

// fill returns an engine with n connections in its table.
func fill(b *testing.B, n int) *dataplane.Engine {
	table, err := conntrack.New(n)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(table.Close)
	var c, victim conntrack.Conn
	for i := range n {
		r := conntrack.Record{
			Key: conntrack.Key{
				Client: packet.AddrFrom4(0x0b000000 + uint32(i>>15)), ClientPort: uint16(1024 + i&0x7fff),
				Virtual: packet.MustAddr("192.0.2.10"), VirtualPort: 80, Proto: packet.ProtoTCP,
			},
			Target: conntrack.Target{Addr: packet.MustAddr("10.0.0.11"), Port: 8080, Server: 3},
			State:  conntrack.TCPEstablished, Deadline: 900_000_000_000,
		}
		if table.Insert(table.Hash(r.Client, r.ClientPort, r.Proto), &r, &c, &victim) != conntrack.Inserted {
			b.Fatal("no room")
		}
	}
	return dataplane.New(dataplane.Options{Conns: table, Clock: func() int64 { return 0 }})
}

// BenchmarkWrite saves b.N connections: -benchtime 1000000x is a full table.
func BenchmarkWrite(b *testing.B) {
	shared, path := fill(b, b.N), filestest.At(b, filepath.Join(b.TempDir(), "state"))
	b.ResetTimer()
	if _, err := state.Write(b.Context(), path, sample(), shared.Dump()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkOpen checks a file, reads its connections, and restores them into another table.
func BenchmarkOpen(b *testing.B) {
	shared, path := fill(b, b.N), filestest.At(b, filepath.Join(b.TempDir(), "state"))
	if _, err := state.Write(b.Context(), path, sample(), shared.Dump()); err != nil {
		b.Fatal(err)
	}
	table, err := conntrack.New(b.N)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(table.Close)
	b.ReportAllocs()
	b.ResetTimer()
	f, err := state.Open(path, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var c conntrack.Conn
	err = f.Each(0, func(r *conntrack.Record, _ *dataplane.Dialogue) {
		if table.Restore(r, &c) != conntrack.Inserted {
			b.Fatal("no room")
		}
	})
	if err != nil || table.Used() != b.N {
		b.Fatalf("%d connections read of %d: %v", table.Used(), b.N, err)
	}
}
