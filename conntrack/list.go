package conntrack

import (
	"cmp"
	"iter"
	"slices"
)

// All yields a copy of each connection and template, in no order. One that begins or
// ends meanwhile may be missing. The record is valid until the next one.
func (t *Table) All() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		var r Record
		for i := range t.shards {
			sh := &t.shards[i]
			for index := sh.first; index < sh.fresh.Load(); index++ {
				if t.read(index, &r) && !yield(&r) {
					return
				}
			}
		}
	}
}

// List returns all connections, the oldest first. In a table with several shards,
// connections that were made within one tick of the clock may be in any order.
func (t *Table) List() []Record {
	var all []Record
	for r := range t.All() {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(a.Order, b.Order) })
	return all
}
