package arena_test

import (
	"testing"

	"director/internal/arena"
)

type line struct{ words [8]uint64 }

func TestMake_GivesZeroedMemory(t *testing.T) {
	for _, n := range []int{0, 1, 1000, 1 << 20} {
		s, err := arena.Make[line](n)
		if err != nil {
			t.Fatal(err)
		}
		if len(s) != n {
			t.Errorf("%d values, want %d", len(s), n)
		}
		for i := range s {
			if s[i] != (line{}) {
				t.Fatalf("value %d of %d is not zero", i, n)
			}
			s[i].words[7] = uint64(i)
		}
		arena.Free(s)
	}
}

func TestMake_RefusesTheImpossible(t *testing.T) {
	if raceEnabled {
		t.Skip("the Go heap ends the process instead")
	}
	if _, err := arena.Make[line](1 << 55); err == nil {
		t.Error("no error for 2^61 bytes")
	}
}
