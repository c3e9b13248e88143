package conntrack_test

import (
	"math/rand/v2"
	"testing"

	"director/conntrack"
	"director/packet"
)

// benchFlows is the number of connections: far more than fit into the caches.
const benchFlows = 1 << 18

// benchTable returns a table of established connections with the same number of free
// entries, and a source of random connection numbers.
func benchTable(b *testing.B) (*conntrack.Table, func() int) {
	b.Helper()
	table := newTable(b, 2*benchFlows)
	var c, victim conntrack.Conn
	for n := range benchFlows {
		f := flow(n)
		insertFlow(table, &f, target(n), conntrack.TCPEstablished, 900*second, &c, &victim)
	}
	r := rand.New(rand.NewPCG(1, 1))
	return table, func() int { return r.IntN(benchFlows) }
}

func BenchmarkHash(b *testing.B) {
	table := newTable(b, 1)
	in, out := flow(1), answer(1)
	sum := uint64(0)
	b.Run("in", func(b *testing.B) {
		for b.Loop() {
			sum += table.HashIn(&in)
		}
	})
	b.Run("out", func(b *testing.B) {
		for b.Loop() {
			sum += table.HashOut(&out)
		}
	})
}

// BenchmarkLookUp measures the lookup for a packet with a connection, in each direction,
// and for a packet without one.
func BenchmarkLookUp(b *testing.B) {
	table, random := benchTable(b)
	var c conntrack.Conn
	for name, find := range map[string]func() bool{
		"in":  func() bool { return findIn(table, random(), &c) },
		"out": func() bool { f := answer(random()); return table.FindOut(table.HashOut(&f), &f, &c) },
		"none": func() bool {
			f := flow(benchFlows + random())
			return !table.FindIn(table.HashIn(&f), &f, &c)
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if !find() {
					b.Fatal("not what it should be")
				}
			}
		})
	}
}

// BenchmarkSeek measures the lookup of a batch whose cache misses overlap.
func BenchmarkSeek(b *testing.B) {
	const batch = 64
	table, random := benchTable(b)
	var flows [batch]packet.Flow
	var hashes [batch]uint64
	var hints [batch]conntrack.Hint
	for b.Loop() {
		for i := range flows {
			flows[i] = flow(random())
			hashes[i] = table.HashIn(&flows[i])
		}
		table.Seek(hashes[:], hints[:])
		for i := range flows {
			if hints[i] != 0 && !table.HitIn(hints[i], &flows[i]).Found() {
				b.Fatal("not where the hint says")
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/packet")
}

// BenchmarkObserve measures the state machine for a packet that changes only the
// deadline, and for one that changes the state.
func BenchmarkObserve(b *testing.B) {
	for name, events := range map[string][]conntrack.Event{
		"stays":   {conntrack.Ack},
		"changes": {conntrack.Fin, conntrack.Syn, conntrack.Ack},
	} {
		b.Run(name, func(b *testing.B) {
			table := newTable(b, 1)
			var c conntrack.Conn
			insert(table, 1, 0, &c)
			now := int64(0)
			for b.Loop() {
				now++
				table.Observe(&c, conntrack.In, events[now%int64(len(events))], now, &conntrack.Normal, &timeouts)
			}
		})
	}
}

// BenchmarkInsert measures the insertion of a connection: with room in the table, of one
// that exists already, and into a full table with or without a connection to evict.
func BenchmarkInsert(b *testing.B) {
	var c, victim conntrack.Conn
	b.Run("room", func(b *testing.B) {
		table := newTable(b, 2*benchFlows)
		n := 0
		for b.Loop() {
			if n == benchFlows {
				b.StopTimer()
				sweepAll(table, 100*second)
				n = 0
				b.StartTimer()
			}
			if insert(table, n, 0, &c) != conntrack.Inserted {
				b.Fatal("no room")
			}
			n++
		}
	})
	b.Run("existed", func(b *testing.B) {
		table := newTable(b, 1)
		insert(table, 1, 0, &c)
		for b.Loop() {
			insert(table, 1, 0, &c)
		}
	})
	for name, everybody := range map[string]bool{"reclaimed": true, "full": false} {
		b.Run(name, func(b *testing.B) {
			table, next := fullTable(b, func(int) bool { return everybody })
			for b.Loop() {
				f := flow(next)
				insertFlow(table, &f, target(next), conntrack.TCPSynRecv, 60*second, &c, &victim)
				next++
			}
		})
	}
}

// BenchmarkSweep measures one call of the sweeper by a busy worker: it skips 1024 chunks
// that are not due, or expires 64 connections.
func BenchmarkSweep(b *testing.B) {
	dead := make([]conntrack.Conn, 64)
	b.Run("nothing is due", func(b *testing.B) {
		table, _ := benchTable(b)
		s := table.Sweeper(0, 1)
		for b.Loop() {
			if ended, _ := s.Sweep(0, 1024, dead); ended != 0 {
				b.Fatalf("%d ended", ended)
			}
		}
	})
	b.Run("all are due", func(b *testing.B) {
		table := newTable(b, benchFlows)
		s := table.Sweeper(0, 1)
		var c conntrack.Conn
		for b.Loop() {
			if table.Used() < len(dead) {
				b.StopTimer()
				for n := range benchFlows / 4 {
					insert(table, n, 0, &c)
				}
				b.StartTimer()
			}
			s.Sweep(100*second, 1024, dead)
		}
	})
}
