package dataplane_test

import (
	"reflect"
	"testing"

	"director/dataplane"
)

// This test fails if a counter has an index and no field, or if a field is not read from
// its index.
func TestCounts_AreAllPublished(t *testing.T) {
	counts, places := dataplane.FullCounts()
	seen := map[uint64]bool{}
	v := reflect.ValueOf(counts)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		for n := range numbers(v.Field(i)) {
			if n < 1000 || seen[n] {
				t.Errorf("%s has %d, which is no place's or another's", name, n)
			}
			seen[n] = true
		}
	}
	if len(seen) != places {
		t.Errorf("%d of %d places are published", len(seen), places)
	}
}

// numbers yields a number, or the numbers of an array.
func numbers(v reflect.Value) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		if v.Kind() != reflect.Array {
			yield(v.Uint())
			return
		}
		for i := range v.Len() {
			if !yield(v.Index(i).Uint()) {
				return
			}
		}
	}
}
