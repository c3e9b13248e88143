package conntrack

import (
	"reflect"

	"director/internal/ordered"
)

// Chunk is how many entries are looked at together.
const Chunk = chunk

// Overlooked returns how many connections end before their chunk is due.
func Overlooked(t *Table) (n int) {
	for r := range t.All() {
		if t.due[r.ID.index()/chunk].Load() > r.Deadline {
			n++
		}
	}
	return n
}

// Doubt has all chunks looked at by the next round.
func Doubt(t *Table) {
	for i := range t.due {
		t.due[i].Store(0)
	}
}

// Looked returns how many buckets were ever looked through for half-open
// connections to evict, those that are chained to others apart: of the shard of
// a hash, and of all shards.
func (t *Table) Looked(hash uint64) (own, all int) {
	for i := range t.shards {
		all += t.shards[i].halfOpen.at
	}
	return t.shardOf(hash).halfOpen.at, all
}

// Stepped has do called between the writes of changes.
func Stepped(t *Table, do func()) { t.stepped = do }

// Sizes returns how many bytes an entry takes, and what only some connections need.
func Sizes() (entries, extensions uintptr) {
	return reflect.TypeFor[entry]().Size(), reflect.TypeFor[extension]().Size()
}

// Touched reports whether anything of the extension at a connection's index is not
// zero.
func Touched(t *Table, c *Conn) bool {
	x := &t.extensions[c.index]
	for _, words := range [][]ordered.Uint64{x.addrs[:], x.local[:], x.shifts[:], {x.marks, x.ports, x.second}} {
		for i := range words {
			if words[i].Load() != 0 {
				return true
			}
		}
	}
	return false
}
