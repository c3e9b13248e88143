package neigh

import "github.com/gaissmai/bart"

// Unmarked returns a copy of t whose hops do not mark neighbours as used. The control
// plane uses it to find out where a packet would go without sending one. The workers
// must not call it, because it copies every route.
func (t *Table) Unmarked() *Table {
	c := &Table{fib: new(bart.Fast[*Hop]), near: t.near, ifaces: t.ifaces, local: t.local, none: t.none, silent: t.silent, broken: t.broken}
	copies := map[*Hop]*Hop{t.none: c.none}
	unmarked := func(h *Hop) *Hop {
		if copies[h] == nil {
			n := *h
			n.Used = nil
			copies[h] = &n
		}
		return copies[h]
	}
	for p, h := range t.fib.All() {
		c.fib.Insert(p, unmarked(h))
	}
	c.far = unmarked(t.far)
	c.servers = make([]Hop, len(t.servers))
	for i := range t.servers {
		c.servers[i] = t.servers[i]
		c.servers[i].Used = nil
	}
	return c
}
