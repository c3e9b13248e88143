package conntrack

import (
	"math/rand/v2"
	"testing"
)

// A bucket is compared with a model after random puts and clears. Each connection must be
// among those that match its tag, and the used slots must be those of the model.
func TestBucket_AgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	// Few tags, some of which differ only in a low bit: match may return wrong slots.
	tags := []uint64{1, 3, 5, 0x7fff, 0x8001, 0xffff, 0xfffd}
	var b bucket
	model := map[uint32]uint64{} // index to tag
	for range 100_000 {
		index, tag := random.Uint32N(30), tags[random.IntN(len(tags))]
		if have, ok := model[index]; ok {
			if b.clear(have^2, index) {
				t.Fatalf("cleared %d by the tag %#x, it has %#x", index, have^2, have)
			}
			if !b.clear(have, index) {
				t.Fatalf("%d with tag %#x is not there", index, have)
			}
			delete(model, index)
		} else if free := allSlots &^ b.used(); free != 0 {
			b.put(free.first(), tag, index)
			model[index] = tag
		} else if len(model) != slots {
			t.Fatalf("full with %d", len(model))
		}
		check(t, &b, model)
	}
}

func check(t *testing.T, b *bucket, model map[uint32]uint64) {
	t.Helper()
	used := map[int]bool{}
	for set := b.used(); set != 0; set &= set - 1 {
		used[set.first()] = true
	}
	if len(used) != len(model) {
		t.Fatalf("%d slots used, want %d", len(used), len(model))
	}
	for index, tag := range model {
		found := false
		for set := b.match(tag); set != 0; set &= set - 1 {
			slot := set.first()
			found = found || used[slot] && b.index[slot].Load() == index
		}
		if !found {
			t.Fatalf("%d does not match its tag %#x", index, tag)
		}
	}
}
