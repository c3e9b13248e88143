package conntrack

import (
	"cmp"
	"iter"
	"slices"
)

// Info is a connection as it is listed.
type Info struct {
	Conn
	Deadline int64
	Data     string // of the template's persistence engine
	order    uint64
}

// All yields the connections, in no order. What begins or ends meanwhile may be
// missing or not.
func (t *Table) All() iter.Seq[*Info] {
	return func(yield func(*Info) bool) {
		for i := range t.shards {
			sh := &t.shards[i]
			for index := sh.first; index < sh.fresh.Load(); index++ {
				e := &t.entries[index]
				info := Info{Deadline: e.deadline.Load(), order: e.order.Load()}
				if !e.read(index, &info.Conn) {
					continue
				}
				if info.Is(Engine) {
					info.Data = t.data.get(index)
				}
				if !yield(&info) {
					return
				}
			}
		}
	}
}

// List returns all connections, the oldest first. Those of a table with more
// shards than one that were made within a tick of the clock may change places.
func (t *Table) List() []Info {
	var all []Info
	for info := range t.All() {
		all = append(all, *info)
	}
	slices.SortFunc(all, func(a, b Info) int { return cmp.Compare(a.order, b.order) })
	return all
}
