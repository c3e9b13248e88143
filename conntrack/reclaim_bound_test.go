package conntrack_test

import (
	"testing"

	"director/conntrack"
)

// largeSize is the size of a table with 64 shards of 64 buckets each.
const largeSize = 1 << 13

// fullTable returns a full table. Connection n is half-open if halfOpen(n) is true, else
// nearly closed. One connection is inserted each second. next is the number of the first
// connection that is not in the table.
func fullTable(t testing.TB, halfOpen func(n int) bool) (table *conntrack.Table, next int) {
	t.Helper()
	table = newTable(t, largeSize)
	var c, victim conntrack.Conn
	for ; table.Used() < largeSize; next++ {
		r := childRecord(next, nil, int64(next)*second)
		if halfOpen(next) {
			unassured(r, conntrack.TCPSynRecv)
		}
		// A connection whose chain is full is left out.
		if got := table.Insert(hashOf(table, r), r, &c, &victim); got != conntrack.Inserted && got != conntrack.Full {
			t.Fatalf("connection %d: outcome %d", next, got)
		}
	}
	return table, next
}

// In any full table, a new connection searches only a few buckets of its own shard for
// one to evict, and fewer if the shard's list is not empty.
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

// The search finds even a few half-open connections in a large table, after some time.
func TestReclaim_FindsAFewInALargeTable(t *testing.T) {
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
		t.Errorf("%d half-open connections were evicted, want %d", found, few)
	}
}

// In a large table, the evicted connection is an old one, not always the oldest. Clients
// that will answer soon keep their connections.
func TestReclaim_SparesTheYoungHalf(t *testing.T) {
	table, next := fullTable(t, func(n int) bool { return n%2 == 0 })
	var c, victim conntrack.Conn
	for i := range largeSize / 8 { // a quarter of the half-open connections
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
		t.Errorf("of %d evicted connections %d are of the younger half, want few", gone, young)
	}
}
