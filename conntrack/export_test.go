package conntrack

import (
	"reflect"

	"director/internal/ordered"
)

// Chunk is the number of entries of a chunk.
const Chunk = chunk

// Overlooked returns the number of connections whose deadline is before the due time of
// their chunk.
func Overlooked(t *Table) (n int) {
	for r := range t.All() {
		if t.due[r.ID.index()/chunk].Load() > r.Deadline {
			n++
		}
	}
	return n
}

// Doubt makes all chunks due, so the next round reads all entries.
func Doubt(t *Table) {
	for i := range t.due {
		t.due[i].Store(0)
	}
}

// Looked returns how many buckets were searched for connections to evict, in
// the shard of a hash and in all shards. Overflow buckets are not counted.
func (t *Table) Looked(hash uint64) (own, all int) {
	for i := range t.shards {
		all += t.shards[i].search.at
	}
	return t.shardOf(hash).search.at, all
}

// Stepped makes the table call do between the writes of a change.
func Stepped(t *Table, do func()) { t.stepped = do }

// Sizes returns the size of an entry, of an extension and of the streams of a connection in
// bytes.
func Sizes() (entries, extensions, both uintptr) {
	return reflect.TypeFor[entry]().Size(), reflect.TypeFor[extension]().Size(), reflect.TypeFor[streams]().Size()
}

// Touched reports whether the extension at a connection's index is not all zero.
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
