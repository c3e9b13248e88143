package fields_test

import (
	"fmt"
	"slices"
	"testing"

	"director/internal/fields"
)

type (
	Embedded struct{ A, B uint16 }
	inner    struct{ A, B uint16 }
)

type outer struct {
	Embedded
	Inner  inner
	Name   string
	List   []int32
	Map    map[string]uint64
	hidden int
}

func TestFull_SetsEveryField(t *testing.T) {
	v := fields.Full[outer]()
	if got := fields.Zero(v); len(got) != 0 {
		t.Errorf("%v are zero in %+v", got, v)
	}
	if v.Inner.A == v.Inner.B || v.hidden != 0 {
		t.Errorf("%+v", v)
	}
	v.List, v.Name = nil, ""
	if got := fields.Zero(v); !slices.Equal(got, []string{"Name", "List"}) {
		t.Errorf("%v are zero, want Name and List", got)
	}
}

func TestUnseen_NamesWhatIsLeftOut(t *testing.T) {
	got := fields.Unseen(fields.Full[outer](), func(v outer) string { return fmt.Sprint(v.Inner, v.List, v.B) })
	if !slices.Equal(got, []string{"A", "Name", "Map"}) {
		t.Errorf("%v, want A, Name and Map", got)
	}
}
