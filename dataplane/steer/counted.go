package steer

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// counted is a map in the kernel whose entries follow from a long list of items of type
// T. Several items may need the same entry. Only the items that differ from those of the
// last list are looked at, so a list that hardly changes costs little.
type counted[T comparable, K comparable] struct {
	name   string
	kernel *ebpf.Map
	keys   func(T) []K // the entries that an item needs
	items  []T         // the last list
	have   map[K]*user
	doubt  map[K]*user // entries that may have to be added or removed
}

// user says who needs an entry.
type user struct {
	items int  // that need it
	there bool // whether the kernel has it
}

func newCounted[T, K comparable](name string, m *ebpf.Map, keys func(T) []K) counted[T, K] {
	return counted[T, K]{name: name, kernel: m, keys: keys, have: map[K]*user{}, doubt: map[K]*user{}}
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

func (t *counted[T, K]) need(items []T, n int) {
	for _, item := range items {
		for _, k := range t.keys(item) {
			u := t.have[k]
			if u == nil {
				u = new(user)
				t.have[k] = u
			}
			u.items += n
			t.doubt[k] = u
		}
	}
}

// add adds the entries that are needed to the kernel.
func (t *counted[T, K]) add() error {
	for k, u := range t.doubt {
		if u.items == 0 || u.there {
			continue
		}
		err := t.kernel.Put(k, present(1))
		if errors.Is(err, unix.E2BIG) {
			return fmt.Errorf("steer: more than %d %s", t.kernel.MaxEntries(), t.name)
		}
		if err != nil {
			return fmt.Errorf("steer: add to %s: %w", t.name, err)
		}
		u.there = true
	}
	return nil
}

// exceeds reports whether the kernel has entries that are not needed.
func (t *counted[T, K]) exceeds() bool {
	for _, u := range t.doubt {
		if u.items == 0 && u.there {
			return true
		}
	}
	return false
}

// prune removes the entries that are not needed from the kernel.
func (t *counted[T, K]) prune() error {
	for k, u := range t.doubt {
		if u.items > 0 {
			continue
		}
		if u.there {
			if err := t.kernel.Delete(k); err != nil {
				return fmt.Errorf("steer: remove from %s: %w", t.name, err)
			}
		}
		delete(t.have, k)
		delete(t.doubt, k)
	}
	clear(t.doubt)
	return nil
}
