package conntrack_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"director/conntrack"
	"director/packet"
)

// awaiting describes connection n while its client's port is not known.
func awaiting(n int, parent *conntrack.Conn, now int64) *conntrack.Record {
	r := childRecord(n, parent, now)
	r.Kind, r.ClientPort, r.State = conntrack.AnyPort, 0, conntrack.TCPListen
	return r
}

// fill looks up the awaiting connection n by its first packet, which has the client's
// real port, and fills in the port.
func fill(table *conntrack.Table, n int, c *conntrack.Conn) bool {
	f := flow(n)
	return table.FindAnyPort(table.HashAnyPort(&f), &f, c) && table.FillPort(c, table.HashIn(&f), f.SrcPort)
}

func TestFillPort_MakesAnOrdinaryConnection(t *testing.T) {
	table := newTable(t, 100_000)
	parent := mustInsert(t, table, childRecord(1, nil, 0))
	before := mustInsert(t, table, awaiting(2, &parent, 30*second))
	mustInsert(t, table, childRecord(3, nil, 40*second))
	c := before
	if !fill(table, 2, &c) {
		t.Fatal("FillPort = false")
	}
	if c.Is(conntrack.AnyPort) || c.State() != conntrack.TCPListen || c.Server() != before.Server() {
		t.Errorf("any port %v, %v, server %d", c.Is(conntrack.AnyPort), c.State(), c.Server())
	}
	if f := flow(2); c.Key() != conntrack.KeyOf(&f) {
		t.Errorf("key %+v, want %+v", c.Key(), conntrack.KeyOf(&f))
	}
	var found conntrack.Conn
	if !findIn(table, 2, &found) || found.Ref() != c.Ref() {
		t.Error("the client's packets do not find it")
	}
	if back := answer(2); !table.FindOut(table.HashOut(&back), &back, &found) || found.Ref() != c.Ref() {
		t.Error("the server's answers do not find it")
	}
	if fill(table, 2, &found) {
		t.Error("another packet finds it awaiting")
	}
	if got := deadlineOf(t, table, &c); got != 90*second {
		t.Errorf("its time is %d s, want 90 as before", got/second)
	}
	list := table.List()
	if len(list) != 3 || list[1].ID != c.Ref() {
		t.Errorf("it lost its place among %d connections", len(list))
	}
	// The connection keeps its parent.
	if !table.Controlled(&c) || !table.Controls(&parent) {
		t.Error("it lost its parent")
	}
	endAt(t, table, 89, 0)
	endAt(t, table, 90, 1)
	if table.Controls(&parent) {
		t.Error("the parent was not let go")
	}
	endAt(t, table, 200, 2)
	if table.Used() != 0 {
		t.Errorf("%d connections are left", table.Used())
	}
}

func TestFillPort_HappensOnce(t *testing.T) {
	table := newTable(t, 1000)
	before := mustInsert(t, table, awaiting(1, nil, 0))
	c := before
	if !fill(table, 1, &c) {
		t.Fatal("FillPort = false")
	}
	if f := flow(2); table.FillPort(&before, table.HashIn(&f), f.SrcPort) {
		t.Error("an old copy is filled again")
	}
	if before.Ref() != c.Ref() {
		t.Errorf("it was %x and is %x, want one name", before.Ref(), c.Ref())
	}
	endAt(t, table, 60, 1)
	if table.Live(&c) {
		t.Error("it lives after its end")
	}
	mustInsert(t, table, awaiting(1, nil, 60*second))
	if f := flow(1); table.FillPort(&before, table.HashIn(&f), f.SrcPort) {
		t.Error("the successor is filled by its predecessor's copy")
	}
}

func TestFillPort_RefusesAPortThatIsInUse(t *testing.T) {
	table := newTable(t, 1000)
	used := mustInsert(t, table, childRecord(1, nil, 0))
	mustInsert(t, table, awaiting(1, nil, 0))
	var c conntrack.Conn
	if fill(table, 1, &c) {
		t.Error("two connections have one key")
	}
	if !findIn(table, 1, &c) || c.Ref() != used.Ref() {
		t.Error("the older connection is not found")
	}
	if f := flow(1); !table.FindAnyPort(table.HashAnyPort(&f), &f, &c) {
		t.Error("what was refused awaits no more")
	}
	endAt(t, table, 60, 2)
}

// A client's port has room for 64 connections (maxPerClient).
func TestFillPort_RefusesAPortWithoutRoom(t *testing.T) {
	table := newTable(t, 10_000)
	r := childRecord(1, nil, 0)
	for port := range uint16(64) {
		r.VirtualPort = 5000 + port
		mustInsert(t, table, r)
	}
	mustInsert(t, table, awaiting(1, nil, 0))
	var c conntrack.Conn
	if fill(table, 1, &c) || !c.Is(conntrack.AnyPort) || !table.Live(&c) {
		t.Error("a connection too many")
	}
	if got := sweepAll(table, 60*second); got != 65 {
		t.Errorf("%d connections ended, want 65", got)
	}
}

func TestAnyPort_OfTwoServersTheLastIsFoundFirst(t *testing.T) {
	table := newTable(t, 1000)
	r := awaiting(1, nil, 0)
	older := mustInsert(t, table, r)
	r.Addr = packet.MustAddr("10.9.9.9")
	younger := mustInsert(t, table, r)
	var c conntrack.Conn
	if !fill(table, 1, &c) || c.Ref()<<32 != younger.Ref()<<32 {
		t.Error("the first packet does not go to the server that spoke last")
	}
	f := flow(1)
	f.SrcPort++
	if !table.FindAnyPort(table.HashAnyPort(&f), &f, &c) || c.Ref() != older.Ref() {
		t.Error("the next one does not go to the other")
	}
}

func TestListen_TakesAnActiveConnectionOffTheCount(t *testing.T) {
	for state, want := range map[conntrack.State]int{
		conntrack.TCPEstablished: -1, conntrack.TCPSynRecv: -1, conntrack.TCPTimeWait: 0, conntrack.TCPListen: 0,
	} {
		table := newTable(t, 1000)
		r := childRecord(1, nil, 0)
		r.State = state
		c := mustInsert(t, table, r)
		if moved := table.Listen(&c, 120*second); moved != want || c.State() != conntrack.TCPListen {
			t.Errorf("from %v: moved %d, then %v, want %d", state, moved, c.State(), want)
		}
		if got := deadlineOf(t, table, &c); got != 120*second {
			t.Errorf("from %v: its time is %d s, want 120", state, got/second)
		}
	}
}

// Several packets of a client arrive at once while one connection awaits its port. They
// come from one port or from several. One packet fills in its port. If all come from one
// port, each finds the connection, before or after the port is filled in.
func TestFillPort_IsWonByOne(t *testing.T) {
	for _, ports := range []int{1, 4} {
		table := newTable(t, 100_000)
		for round := range rounds(2000) {
			mustInsert(t, table, awaiting(round, nil, int64(round)))
			var won, found atomic.Int32
			var done sync.WaitGroup
			for worker := range 4 {
				done.Go(func() {
					f := flow(round)
					f.SrcPort += uint16(worker%ports) << 8
					hash := table.HashIn(&f)
					var c conntrack.Conn
					if table.FindAnyPort(table.HashAnyPort(&f), &f, &c) && table.FillPort(&c, hash, f.SrcPort) {
						won.Add(1)
					}
					if table.FindIn(hash, &f, &c) {
						found.Add(1)
					}
				})
			}
			done.Wait()
			if won.Load() != 1 || found.Load() != int32(4/ports) {
				t.Fatalf("%d ports, round %d: %d packets won and %d found, want 1 and %d", ports, round, won.Load(), found.Load(), 4/ports)
			}
			if round%10 == 9 {
				sweepAll(table, 1<<60)
			}
		}
		sweepAll(table, 1<<60)
		if table.Used() != 0 {
			t.Errorf("%d connections are left", table.Used())
		}
	}
}

// FindAnyPort runs for the first packet of every connection.
func TestFindAnyPort_DoesNotAllocate(t *testing.T) {
	table := newTable(t, 1000)
	mustInsert(t, table, awaiting(1, nil, 0))
	f := flow(1)
	var c conntrack.Conn
	if n := testing.AllocsPerRun(100, func() { table.FindAnyPort(table.HashAnyPort(&f), &f, &c) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
