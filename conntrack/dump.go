package conntrack

import "iter"

// Dump yields a copy of each live connection and template, parents before their
// children. It leaves out entries that a worker was changing when it died. The table
// must not change meanwhile. The record is valid until the next one.
func (t *Table) Dump() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		var r Record
		// A family has two generations, or three where FTP is persistent. The last
		// round is the one that finds no connection.
		for generation, found := 0, true; found; generation++ {
			found = false
			for i := range t.shards {
				sh := &t.shards[i]
				for index := sh.first; index < sh.fresh.Load(); index++ {
					e := &t.entries[index]
					if !e.whole() || t.generation(e) != generation || !t.read(index, &r) {
						continue
					}
					found = true
					if !yield(&r) {
						return
					}
				}
			}
		}
	}
}

// generation returns how many ancestors a live entry has.
func (t *Table) generation(e *entry) (n int) {
	for parent := uint32(e.family.Load()); parent != 0; n++ {
		parent = uint32(t.entries[parent-1].family.Load())
	}
	return n
}

// Restore inserts a connection that another table held, with the server that
// r.Target names in this one and the parent that r.Parent names in this one. c
// receives the connection. A full table refuses it and evicts no other. No other
// goroutine may use the table meanwhile.
//
// Unlike Insert, it keeps r.Order, and does not renew the deadline of a template
// that is the parent.
func (t *Table) Restore(r *Record, c *Conn) Outcome {
	if t.Used() >= t.Size() {
		return Full
	}
	hash := t.HashOf(r)
	family := uint64(0)
	if r.Parent != 0 {
		family = uint64(r.Parent.index() + 1)
	}
	sh := t.shardOf(hash)
	youngest := sh.order
	outcome := t.insert(hash, r, family, c, nil)
	if outcome != Inserted {
		return outcome
	}
	if family != 0 {
		t.entries[r.Parent.index()].family.Add(childOne)
	}
	order := uint64(max(r.Order, 1))
	t.entries[c.index].order.Store(order)
	sh.order = max(youngest, order)
	return Inserted
}
