package conntrack_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"director/conntrack"
)

// halfOpenRecord returns connection number n in its state after the client's SYN.
func halfOpenRecord(n int, parent *conntrack.Conn, now int64) *conntrack.Record {
	return unassured(childRecord(n, parent, now), conntrack.TCPSynRecv)
}

// unassured puts a record into a state that it reached without being assured.
func unassured(r *conntrack.Record, s conntrack.State) *conntrack.Record {
	r.State, r.Flags = s, 0
	return r
}

// seededTable returns a table of one shard. Its connections have one order, and its
// entries are used one after the other.
func seededTable(t *testing.T, size int) *conntrack.Table {
	t.Helper()
	table, err := conntrack.NewSeeded(size, [3]uint64{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return table
}

// A full table evicts the half-open connections in the order of their insertion, for any
// number of them and any other contents.
func TestReclaim_EvictsTheOldestHalfOpenFirst(t *testing.T) {
	const size = 500
	table := seededTable(t, size)
	var halfOpen []int
	for n := range size {
		if n%3 == 0 {
			mustInsert(t, table, childRecord(n, nil, 0)) // nearly closed
			continue
		}
		c := mustInsert(t, table, halfOpenRecord(n, nil, 0))
		if n%5 == 0 { // it has opened meanwhile
			opens(table, &c)
			continue
		}
		halfOpen = append(halfOpen, n)
	}
	var c, victim conntrack.Conn
	for i, old := range halfOpen {
		r := childRecord(size+i, nil, second)
		got := table.Insert(hashOf(table, r), r, &c, &victim)
		if f := flow(old); got != conntrack.Evicted || victim.Key() != conntrack.KeyOf(&f) || victim.State() != conntrack.TCPSynRecv {
			t.Fatalf("connection %d: outcome %d, victim %+v in %v, want number %d", i, got, victim.Key(), victim.State(), old)
		}
		if findIn(table, old, &c) || !findIn(table, size+i, &c) || table.Used() != size {
			t.Fatalf("connection %d: the old one is found or the new one is not, %d held", i, table.Used())
		}
	}
	r := childRecord(9999, nil, second)
	if got := table.Insert(hashOf(table, r), r, &c, &victim); got != conntrack.Full {
		t.Errorf("with none left: outcome %d, want Full", got)
	}
	// A younger one is found afterwards.
	var dead [2]conntrack.Conn
	findIn(table, 0, &c)
	table.Remove(c.Ref(), &dead)
	mustInsert(t, table, halfOpenRecord(10_000, nil, second))
	if got := table.Insert(hashOf(table, r), r, &c, &victim); got != conntrack.Evicted {
		t.Errorf("with a younger one: outcome %d, want Reclaimed", got)
	}
}

// Only what is not assured and has never been established is evicted, whatever its state.
func TestReclaim_TakesWhatIsNotAssured(t *testing.T) {
	for s := range conntrack.States {
		for _, flags := range []conntrack.Flags{0, conntrack.AllFlags &^ conntrack.Assured, conntrack.Assured} {
			table := seededTable(t, 1)
			r := unassured(childRecord(1, nil, 0), s)
			r.Flags = flags
			mustInsert(t, table, r)
			want := conntrack.Evicted
			if flags == conntrack.Assured || s == conntrack.TemplateAssured { // it had an established connection
				want = conntrack.Full
			}
			var c conntrack.Conn
			if got := insertRecord(table, childRecord(2, nil, 0), &c); got != want {
				t.Errorf("state %d, %v, flags %#x: outcome %d, want %d", s, s, flags, got, want)
			}
		}
	}
}

func TestReclaim_SparesConnectionsThatControlOthers(t *testing.T) {
	table := seededTable(t, 4)
	parent := mustInsert(t, table, halfOpenRecord(1, nil, 0))
	template := mustInsert(t, table, templateRecord(1, 300, 0))
	sibling := mustInsert(t, table, halfOpenRecord(3, &template, 0))
	child := mustInsert(t, table, childRecord(2, &parent, 0))
	insert := func(n int, want conntrack.Outcome, old int) {
		t.Helper()
		var c, victim conntrack.Conn
		r := childRecord(n, nil, 0)
		got := table.Insert(hashOf(table, r), r, &c, &victim)
		if f := flow(old); got != want || got == conntrack.Evicted && victim.Key() != conntrack.KeyOf(&f) {
			t.Fatalf("outcome %d, victim %+v, want %d and number %d", got, victim.Key(), want, old)
		}
	}
	insert(10, conntrack.Evicted, 3)
	if table.Controls(&template) || table.Live(&sibling) {
		t.Error("the victim is still counted as the template's")
	}
	r := templateRecord(1, 300, 0)
	var c, victim conntrack.Conn
	if got := insertRecordFor(table, childRecord(11, nil, 0), &c, &victim); got != conntrack.Evicted || victim.Key() != r.Key {
		t.Errorf("outcome %d, victim %+v, want the template that controls nothing any more", got, victim.Key())
	}
	insert(12, conntrack.Full, 0) // number 1 controls another
	var dead [2]conntrack.Conn
	table.Remove(child.Ref(), &dead)
	insert(12, conntrack.Inserted, 0)
	insert(13, conntrack.Evicted, 1)
	insert(14, conntrack.Full, 0)
}

// insertRecordFor inserts a record under its own hash and returns the victim.
func insertRecordFor(table *conntrack.Table, r *conntrack.Record, c, victim *conntrack.Conn) conntrack.Outcome {
	return table.Insert(hashOf(table, r), r, c, victim)
}

// The connection evicted for a new child of a template may be a child of the same one.
func TestReclaim_OfASibling(t *testing.T) {
	table := seededTable(t, 2)
	template := mustInsert(t, table, templateRecord(1, 300, 0))
	mustInsert(t, table, halfOpenRecord(1, &template, 0))
	for n := 2; n < 100; n++ {
		var c, victim conntrack.Conn
		r := halfOpenRecord(n, &template, 0)
		if got := table.Insert(hashOf(table, r), r, &c, &victim); got != conntrack.Evicted || !table.Controls(&template) {
			t.Fatalf("connection %d: outcome %d, the template has children: %v", n, got, table.Controls(&template))
		}
	}
	endAt(t, table, 60, 1)
	if table.Controls(&template) {
		t.Error("the template controls what has ended")
	}
}

// After many insertions and removals, entries are used by other shards than their own. A
// full table still finds every half-open connection.
func TestReclaim_FindsEveryHalfOpenConnectionOfManyShards(t *testing.T) {
	const size = 8192
	table := newTable(t, size)
	r := rand.New(rand.NewPCG(3, 4))
	next := 0
	var c conntrack.Conn
	var dead [2]conntrack.Conn
	for range 8 {
		for table.Used() < size {
			mustInsert(t, table, halfOpenRecord(next, nil, 0))
			next++
		}
		for info := range table.All() {
			if r.IntN(2) == 0 {
				table.Remove(info.ID, &dead)
			}
		}
	}
	for table.Used() < size {
		mustInsert(t, table, halfOpenRecord(next, nil, 0))
		next++
	}
	// The last ones may be in buckets that no search has reached yet.
	for full, i := 0, 0; i < size; next++ {
		switch got := insertRecord(table, childRecord(next+1, nil, 0), &c); got {
		case conntrack.Evicted:
			i++
		case conntrack.Full:
			full++
		default:
			t.Fatalf("connection %d: outcome %d", i, got)
		}
		if full > size/10 {
			t.Fatalf("%d found no room, with %d half-open ones left", full, size-i)
		}
	}
	if got := insertRecord(table, childRecord(next+1, nil, 0), &c); got != conntrack.Full {
		t.Errorf("with none left: outcome %d, want Full", got)
	}
}

// Workers that insert into a full table evict each other's half-open connections, each
// connection once.
func TestReclaim_ByManyWorkers(t *testing.T) {
	const size, workers = 2000, 4
	table := newTable(t, size)
	for n := range size {
		mustInsert(t, table, halfOpenRecord(n, nil, 0))
	}
	var mu sync.Mutex
	victims := map[conntrack.Key]int{}
	full := 0
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var c, victim conntrack.Conn
			for i := range size / workers {
				r := childRecord(size+w*size+i, nil, 0)
				outcome := table.Insert(hashOf(table, r), r, &c, &victim)
				mu.Lock()
				if outcome == conntrack.Evicted {
					victims[victim.Key()]++
				} else {
					full++ // reclaim does not wait for the locks of other shards
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for k, n := range victims {
		if n != 1 {
			t.Errorf("%+v was evicted %d times", k, n)
		}
	}
	if len(victims)+full != size || full > size/10 {
		t.Errorf("%d evicted, %d found no room, want %d together and few of the latter", len(victims), full, size)
	}
	if table.Used() != size {
		t.Errorf("%d held, want %d", table.Used(), size)
	}
}

// A client answers at the moment when its connection is about to be evicted. Either the
// connection is evicted before the packet is processed, or it stays.
func TestReclaim_SparesAConnectionThatOpens(t *testing.T) {
	const size = 200
	for round := range rounds(1000) {
		table := newTable(t, size)
		for n := range size {
			mustInsert(t, table, halfOpenRecord(n, nil, 0))
		}
		var both sync.WaitGroup
		both.Go(func() {
			var c conntrack.Conn
			for n := range size {
				insertRecord(table, childRecord(size+n, nil, 0), &c)
			}
		})
		var opened []int
		var c conntrack.Conn
		for n := range size {
			if findIn(table, n, &c) {
				opens(table, &c)
				if c.State() == conntrack.TCPEstablished {
					opened = append(opened, n)
				}
			}
		}
		both.Wait()
		for _, n := range opened {
			if !findIn(table, n, &c) {
				t.Fatalf("round %d: connection %d was established and is gone", round, n)
			}
		}
		table.Close()
	}
}
