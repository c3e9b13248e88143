package steer

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// table is a map in the kernel, with a copy of the entries that were put into it.
type table[K, V comparable] struct {
	name   string
	kernel *ebpf.Map
	have   map[K]V
}

func newTable[K, V comparable](name string, m *ebpf.Map) table[K, V] {
	return table[K, V]{name, m, make(map[K]V)}
}

// add adds the entries of want that the table does not have. A full hash returns
// E2BIG, a full trie ENOSPC (kernel/bpf/hashtab.c, lpm_trie.c).
func (t *table[K, V]) add(want map[K]V) error {
	for k, v := range want {
		if old, ok := t.have[k]; ok && old == v {
			continue
		}
		err := t.kernel.Put(k, v)
		if errors.Is(err, unix.E2BIG) || errors.Is(err, unix.ENOSPC) {
			return fmt.Errorf("steer: more than %d %s", t.kernel.MaxEntries(), t.name)
		}
		if err != nil {
			return fmt.Errorf("steer: add to %s: %w", t.name, err)
		}
		t.have[k] = v
	}
	return nil
}

// exceeds reports whether the table has entries that want does not have. The table
// must have all entries of want.
func (t *table[K, V]) exceeds(want map[K]V) bool { return len(t.have) > len(want) }

// prune removes the entries that want does not have.
func (t *table[K, V]) prune(want map[K]V) error {
	for k := range t.have {
		if _, ok := want[k]; ok {
			continue
		}
		if err := t.kernel.Delete(k); err != nil {
			return fmt.Errorf("steer: remove from %s: %w", t.name, err)
		}
		delete(t.have, k)
	}
	return nil
}
