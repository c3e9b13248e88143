package conntrack_test

import (
	"testing"

	"director/conntrack"
)

// largeSize is that of a table of 64 shards with 64 buckets each.
const largeSize = 1 << 13

// fullTable returns a full table in which the connections that are to be are
// half-open, made one a second, and the others as good as closed. next is the
// number of the first connection that it does not hold.
func fullTable(t testing.TB, halfOpen func(n int) bool) (table *conntrack.Table, next int) {
	t.Helper()
	table = newTable(t, largeSize)
	var c, victim conntrack.Conn
	for ; table.Used() < largeSize; next++ {
		r := childRecord(next, nil, int64(next)*second)
		if halfOpen(next) {
			r.State = conntrack.TCPSynRecv
		}
		// One whose chain is full is left out.
		if got := table.Insert(hashOf(table, r), r, &c, &victim); got != conntrack.Inserted && got != conntrack.Full {
			t.Fatalf("connection %d: outcome %d", next, got)
		}
	}
	return table, next
}

// However full a table is and of what, a new connection looks for one to evict
// in a few buckets of its own shard, and in fewer still as soon as that is known.
func TestReclaim_LooksThroughFewBucketsWhateverThereIs(t *testing.T) {
	const most, usual, conns = 32, 4, 3000
	for name, c := range map[string]struct {
		halfOpen func(n int) bool
		lost     int // new connections that may find no room, at most
	}{
		"nobody half-open":  {func(int) bool { return false }, conns},
		"one half-open":     {func(n int) bool { return n == 3000 }, conns / 2},
		"one in a thousand": {func(n int) bool { return n%1000 == 0 }, conns / 10},
		"one in two":        {func(n int) bool { return n%2 == 0 }, 0},
		"the last few":      {func(n int) bool { return n > largeSize-100 }, conns / 10},
	} {
		t.Run(name, func(t *testing.T) {
			table, next := fullTable(t, c.halfOpen)
			var conn, victim conntrack.Conn
			full, late := 0, 0
			for i := range conns {
				r := halfOpenRecord(next+i, nil, int64(next+i)*second)
				hash := hashOf(table, r)
				own, all := table.Looked(hash)
				switch outcome := table.Insert(hash, r, &conn, &victim); outcome {
				case conntrack.Full:
					full++
				case conntrack.Evicted:
				default:
					t.Fatalf("connection %d: outcome %d, the table is full", i, outcome)
				}
				ownAfter, allAfter := table.Looked(hash)
				if looked := ownAfter - own; looked > most || looked != allAfter-all {
					t.Fatalf("connection %d looked through %d buckets of its shard, %d of all; want at most %d, all its own",
						i, looked, allAfter-all, most)
				}
				if i >= conns*3/4 {
					late += ownAfter - own
				}
			}
			if late != usual*conns/4 && (c.lost == 0 || c.lost == conns) {
				t.Errorf("the last %d connections looked through %d buckets, want %d each", conns/4, late, usual)
			}
			if full > c.lost {
				t.Errorf("%d of %d new connections found no room, want at most %d", full, conns, c.lost)
			}
			if table.Used() != largeSize {
				t.Errorf("%d held, want %d", table.Used(), largeSize)
			}
		})
	}
}

// A few half-open connections somewhere in a large table are found, by and by.
func TestReclaim_FindsTheFewByAndBy(t *testing.T) {
	const few = 10
	table, next := fullTable(t, func(n int) bool { return n%(largeSize/few) == 5 })
	var c conntrack.Conn
	found := 0
	for i := range largeSize {
		if insertRecord(table, childRecord(next+i, nil, 0), &c) == conntrack.Evicted {
			found++
		}
	}
	if found < few {
		t.Errorf("%d half-open connections were forgotten, want %d", found, few)
	}
}

// In a large table it is not the very oldest that goes, but an old one: clients
// that are about to answer keep their connections.
func TestReclaim_SparesTheYoungHalf(t *testing.T) {
	table, next := fullTable(t, func(n int) bool { return n%2 == 0 })
	var c, victim conntrack.Conn
	for i := range largeSize / 8 { // a quarter of those that are half-open
		r := halfOpenRecord(next+i, nil, int64(next+i)*second)
		if got := table.Insert(hashOf(table, r), r, &c, &victim); got != conntrack.Evicted {
			t.Fatalf("connection %d: outcome %d, want Reclaimed", i, got)
		}
	}
	gone, young := 0, 0
	for n := 0; n < next; n += 2 {
		if !findIn(table, n, &c) {
			gone++
			if n > next/2 {
				young++
			}
		}
	}
	if gone < largeSize/10 || young > gone/20 {
		t.Errorf("of %d that were forgotten %d are of the younger half, want few", gone, young)
	}
}
