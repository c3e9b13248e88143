package dataplane

import (
	"reflect"
	"slices"
	"testing"

	"director/dataplane/answer"
)

// A shadow must consider every field of what workers share. A new field makes this test
// fail until it is copied in Shadow, or listed with the reason why not.
func TestShadow_ConsidersEveryField(t *testing.T) {
	for _, c := range []struct {
		of     any
		copied []string
		not    map[string]string
	}{
		{Engine{}, []string{"view", "conns", "limiter", "defence", "helpers", "ident", "sent", "longWay"}, map[string]string{
			"tap":       "a shadow has no capture",
			"fragments": "fragments that wait are not copied",
			"clock":     "the shadow's own",
			"resolver":  "the shadow's own",
			"giant":     "one worker uses a shadow",
		}},
		{defence{}, []string{"secure", "rate", "counter", "isFull", "crowded"}, nil},
		{View{}, []string{"Services", "Hops", "Timeouts", "Sysctl"}, nil},
		{answer.Limiter{}, []string{"interval", "mask", "total", "sets"}, map[string]string{"mu": "it guards one limiter"}},
	} {
		typ := reflect.TypeOf(c.of)
		for i := range typ.NumField() {
			name := typ.Field(i).Name
			if _, exempt := c.not[name]; !exempt && !slices.Contains(c.copied, name) {
				t.Errorf("%v has a field %s: copy it for shadows, or say here why not", typ, name)
			}
		}
		if n := len(c.copied) + len(c.not); n != typ.NumField() {
			t.Errorf("%v has %d fields, %d are listed", typ, typ.NumField(), n)
		}
	}
}

func TestDefence_IsCopiedWhole(t *testing.T) {
	var from, to defence
	from.secure.Store(true)
	from.rate.Store(1)
	from.counter.Store(2)
	from.isFull.Store(true)
	from.crowded.Store(true)
	to.copyFrom(&from)
	if !to.secure.Load() || to.rate.Load() != 1 || to.counter.Load() != 2 || !to.isFull.Load() || !to.crowded.Load() {
		t.Errorf("the copy differs: secure %v, rate %d, counter %d, full %v, crowded %v",
			to.secure.Load(), to.rate.Load(), to.counter.Load(), to.isFull.Load(), to.crowded.Load())
	}
}
