package conntrack_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/conntrack"
)

// crash is the value of a step's panic.
type crash struct{}

// until runs do up to its n-th step, as if the process had died there. It returns false
// if do has fewer steps.
func until(table *conntrack.Table, n int, do func()) (crashed bool) {
	conntrack.Stepped(table, func() {
		if n--; n < 0 {
			panic(crash{})
		}
	})
	defer conntrack.Stepped(table, nil)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case crash:
			crashed = true
		default:
			panic(r)
		}
	}()
	do()
	return false
}

// held returns the records that another process would read from a table with one
// connection. It returns none if the entry is only partly written.
func held(table *conntrack.Table) (all []conntrack.Record) {
	for r := range table.Dump() {
		all = append(all, *r)
	}
	return all
}

// A change is interrupted at each step. The entry then has its old contents, its new
// contents, or is marked as partly written.
func TestDump_AfterAnInterruption(t *testing.T) {
	for name, c := range map[string]struct {
		changes bool // several words of a live entry
		record  *conntrack.Record
		change  func(*conntrack.Table, *conntrack.Conn)
	}{
		"insertion": {false, nil, func(table *conntrack.Table, _ *conntrack.Conn) {
			insertRecord(table, full(t)["IPv6"], new(conntrack.Conn))
		}},
		"the client's port becomes known": {true, awaiting(1, nil, 0), func(table *conntrack.Table, _ *conntrack.Conn) {
			fill(table, 1, new(conntrack.Conn))
		}},
		"removal": {false, childRecord(1, nil, 0), func(table *conntrack.Table, c *conntrack.Conn) {
			table.Remove(c.Ref(), new([2]conntrack.Conn))
		}},
		"expiry": {false, childRecord(1, nil, 0), func(table *conntrack.Table, _ *conntrack.Conn) { sweepAll(table, 1000*second) }},
	} {
		t.Run(name, func(t *testing.T) {
			begin := func() (*conntrack.Table, *conntrack.Conn) {
				table, conn := newTable(t, 8), new(conntrack.Conn)
				if c.record != nil {
					*conn = mustInsert(t, table, c.record)
				}
				return table, conn
			}
			table, conn := begin()
			before := held(table)
			c.change(table, conn)
			after := held(table)
			if cmp.Equal(before, after) {
				t.Fatal("nothing changed")
			}
			incomplete, n := 0, 0
			for crashed := true; crashed; n++ {
				table, conn := begin()
				crashed = until(table, n, func() { c.change(table, conn) })
				switch got := held(table); {
				case cmp.Equal(got, before), cmp.Equal(got, after):
				case len(got) == 0 && c.changes:
					incomplete++
				default:
					t.Errorf("stopped at step %d: %+v\nwant it as before or after:\n%+v\n%+v", n, got, before, after)
				}
				if !crashed && !cmp.Equal(held(table), after) {
					t.Errorf("after all %d steps: %+v, want %+v", n, held(table), after)
				}
			}
			if n < 2 || (incomplete > 0) != c.changes {
				t.Errorf("%d steps, %d of them known as incomplete", n, incomplete)
			}
		})
	}
}
