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

// add adds the entries of want that the table does not have.
func (t *table[K, V]) add(want map[K]V) error {
	var keys []K
	var values []V
	for k, v := range want {
		if old, ok := t.have[k]; !ok || old != v {
			keys, values = append(keys, k), append(values, v)
		}
	}
	n, err := put(t.name, t.kernel, keys, values)
	for i, k := range keys[:n] {
		t.have[k] = values[i]
	}
	return err
}

// put adds entries to a map in the kernel. It returns how many of them it has added, the
// first ones. name is what the map contains.
func put[K, V any](name string, to *ebpf.Map, keys []K, values []V) (n int, err error) {
	if len(keys) > 1 {
		if _, err := to.BatchUpdate(keys, values, nil); err == nil {
			return len(keys), nil
		}
		// One by one shows which entry is refused, and works with every kernel.
	}
	for ; n < len(keys); n++ {
		if err = to.Put(keys[n], values[n]); err != nil {
			break
		}
	}
	// A full hash returns E2BIG, a full trie ENOSPC (kernel/bpf/hashtab.c, lpm_trie.c).
	if errors.Is(err, unix.E2BIG) || errors.Is(err, unix.ENOSPC) {
		return n, fmt.Errorf("steer: more than %d %s", to.MaxEntries(), name)
	}
	if err != nil {
		return n, fmt.Errorf("steer: add to %s: %w", name, err)
	}
	return n, nil
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
