package conntrack_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"director/conntrack"
	"director/packet"
)

// All connections of one client port are in one chain of buckets. A connection at the end
// of the chain is always found, while the buckets before it fill and empty.
func TestTable_FindsTheLastOfAChainThatChanges(t *testing.T) {
	const others = 30 // over four buckets
	table := newTable(t, 4096)
	at := func(port int) *conntrack.Record {
		r := childRecord(1, nil, 0)
		r.VirtualPort = uint16(port)
		return r
	}
	for port := 1; port <= others; port++ {
		mustInsert(t, table, at(port))
	}
	last := mustInsert(t, table, at(others+1))
	f := flow(1)
	f.DstPort = others + 1
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		defer stop.Store(true)
		var c, victim conntrack.Conn
		var dead [2]conntrack.Conn
		for range rounds(20_000) {
			for port := 1; port <= others; port++ {
				k := packet.Flow{Src: f.Src, SrcPort: f.SrcPort, Dst: f.Dst, DstPort: uint16(port), Proto: f.Proto}
				if table.FindIn(table.HashIn(&k), &k, &c) {
					table.Remove(c.Ref(), &dead)
				}
			}
			for port := 1; port <= others; port++ {
				r := at(port)
				table.Insert(hashOf(table, r), r, &c, &victim)
			}
		}
	})
	var c conntrack.Conn
	for !stop.Load() {
		if !table.FindIn(table.HashIn(&f), &f, &c) || c.Ref() != last.Ref() {
			stop.Store(true)
			t.Error("the connection is missed")
		}
	}
	wg.Wait()
}
