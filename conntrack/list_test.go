package conntrack_test

import (
	"testing"

	"director/conntrack"
)

func TestList_IsInTheOrderOfMaking(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		tick int64 // between two connections
	}{
		"one shard, one moment":      {200, 0},
		"many shards, a clock's run": {50_000, 34_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTable(t, c.size)
			var want []int
			// Some end, and younger connections get their entries.
			for n := range 150 {
				now := int64(n) * c.tick
				child := mustInsert(t, table, childRecord(n, nil, now))
				if n%3 == 0 {
					var dead [2]conntrack.Conn
					table.Remove(child.Ref(), &dead)
					continue
				}
				want = append(want, n)
			}
			list := table.List()
			if len(list) != len(want) {
				t.Fatalf("%d listed, want %d", len(list), len(want))
			}
			for i, n := range want {
				if f := flow(n); list[i].Key != conntrack.KeyOf(&f) || list[i].Deadline != int64(n)*c.tick+60*second {
					t.Fatalf("place %d has %+v until %d, want connection %d", i, list[i].Key, list[i].Deadline, n)
				}
			}
		})
	}
}

func TestList_ShowsWhatPacketsDoNotFind(t *testing.T) {
	table := newTable(t, 100)
	engine := templateRecord(1, 300, 0)
	engine.Kind |= conntrack.Engine
	engine.Data = "call@example"
	mustInsert(t, table, engine)
	old := mustInsert(t, table, templateRecord(2, 300, 0))
	table.Invalidate(&old)
	hidden := mustInsert(t, table, childRecord(3, nil, 0))
	table.Hide(hidden.Ref())
	list := table.List()
	if len(list) != 3 {
		t.Fatalf("%d listed, want 3", len(list))
	}
	if list[0].Data != "call@example" || list[1].Data != "" || list[2].Data != "" {
		t.Errorf("data %q, %q, %q, want the first's alone", list[0].Data, list[1].Data, list[2].Data)
	}
	if port := list[1].Port; port != 65535 {
		t.Errorf("the invalid template shows port %d, want 65535", port)
	}
	if list[2].ID != hidden.Ref() {
		t.Error("the hidden connection is not the third")
	}
	n := 0
	for range table.All() {
		n++
		break
	}
	if n != 1 {
		t.Errorf("All went on after the loop ended")
	}
}
