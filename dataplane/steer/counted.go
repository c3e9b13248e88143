package steer

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// counted is a map in the kernel whose entries follow from a long list of items of type
// T. Several items may need the same entry. Only the items that differ from those of the
// last list are looked at, so a list that hardly changes costs little.
type counted[T comparable, K comparable] struct {
	name   string
	kernel *ebpf.Map
	keys   func(T) []K // the entries that an item needs
	items  []T         // the last list
	have   map[K]user
	doubt  []K // entries that may have to be added or removed
}

// user says who needs an entry.
type user struct {
	items int32 // that need it
	there bool  // whether the kernel has it
	doubt bool  // whether counted.doubt contains it
}

func newCounted[T, K comparable](name string, m *ebpf.Map, keys func(T) []K) counted[T, K] {
	return counted[T, K]{name: name, kernel: m, keys: keys, have: map[K]user{}}
}

// change makes items the list, which the table keeps. It changes nothing in the kernel.
func (t *counted[T, K]) change(items []T) {
	was, is := t.items, items
	for len(was) > 0 && len(is) > 0 && was[0] == is[0] {
		was, is = was[1:], is[1:]
	}
	for len(was) > 0 && len(is) > 0 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	t.need(is, 1)
	t.need(was, -1)
	t.items = items
}

func (t *counted[T, K]) need(items []T, n int32) {
	for _, item := range items {
		for _, k := range t.keys(item) {
			u := t.have[k]
			u.items += n
			if !u.doubt {
				u.doubt = true
				t.doubt = append(t.doubt, k)
			}
			t.have[k] = u
		}
	}
}

// add adds the entries that are needed to the kernel.
func (t *counted[T, K]) add() error {
	var missing []K
	for _, k := range t.doubt {
		if u := t.have[k]; u.items > 0 && !u.there {
			missing = append(missing, k)
		}
	}
	values := make([]present, len(missing))
	for i := range values {
		values[i] = 1
	}
	n, err := put(t.name, t.kernel, missing, values)
	for _, k := range missing[:n] {
		u := t.have[k]
		u.there = true
		t.have[k] = u
	}
	return err
}

// exceeds reports whether the kernel has entries that are not needed.
func (t *counted[T, K]) exceeds() bool {
	return slices.ContainsFunc(t.doubt, func(k K) bool { u := t.have[k]; return u.items == 0 && u.there })
}

// prune removes the entries that are not needed from the kernel.
func (t *counted[T, K]) prune() error {
	for ; len(t.doubt) > 0; t.doubt = t.doubt[:len(t.doubt)-1] {
		k := t.doubt[len(t.doubt)-1]
		u := t.have[k]
		if u.items > 0 {
			u.doubt = false
			t.have[k] = u
			continue
		}
		if u.there {
			if err := t.kernel.Delete(k); err != nil {
				return fmt.Errorf("steer: remove from %s: %w", t.name, err)
			}
		}
		delete(t.have, k)
	}
	t.doubt = nil // it may have been long
	return nil
}
