package state_test

import (
	"slices"
	"testing"

	"director/internal/fields"
)

// A field that is added to a connection, or to the state of the FTP helper, makes this
// test fail. Then add it to a connection above: the other tests show whether the file
// contains it.
func TestConnections_HaveEveryField(t *testing.T) {
	empty := map[string]int{}
	for _, s := range connections() {
		for _, name := range fields.Zero(*s.Record) {
			empty[name]++
		}
		if s.Dialogue == nil {
			continue
		}
		if missing := slices.Concat(fields.Zero(*s.Dialogue), fields.Zero(s.Dialogue.Out)); len(missing) > 0 {
			t.Errorf("the dialogue has no %v", missing)
		}
	}
	for name, n := range empty {
		if n == len(connections()) {
			t.Errorf("no connection has a %s", name)
		}
	}
}
