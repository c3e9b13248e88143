package conntrack_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/conntrack"
	"director/internal/fields"
	"director/packet"
)

// full returns one record of each family, with a value in every field. They are templates
// of a persistence engine, because other records have no data.
func full(t *testing.T) map[string]*conntrack.Record {
	t.Helper()
	six := fields.Full[conntrack.Record]()
	six.Kind, six.State = conntrack.Kinds&^conntrack.AnyPort&^conntrack.Hidden, conntrack.TemplateAssured
	six.Method &= 3
	six.Flags = conntrack.AllFlags
	six.Packets = 1<<24 - 2
	six.Deadline, six.Order = 1<<60+1, 1<<59+3
	six.Parent = 0
	four := six
	four.Client, four.Virtual, four.Addr = packet.MustAddr("198.51.100.7"), packet.MustAddr("192.0.2.10"), packet.MustAddr("10.0.0.11")
	return map[string]*conntrack.Record{"IPv4": &four, "IPv6": &six}
}

// exempt holds the fields of a record that differ in another table, with the reason.
var exempt = map[string]string{
	"ID":       "each table names its connections itself",
	"Parent":   "it is a name, and tested with a family",
	"Parental": "it follows from the children",
}

// equal compares all fields that are not exempt.
func equal(t *testing.T, name string, want, got *conntrack.Record) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool {
		_, ok := exempt[p.Last().String()[min(1, len(p.Last().String())):]]
		return len(p) == 3 && ok
	}, cmp.Ignore())); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// The test fails if a field is added to Record but the table does not keep it.
func TestRecord_ComesBackWhole(t *testing.T) {
	for family, want := range full(t) {
		if missing := fields.Zero(*want); len(missing) != 1 || missing[0] != "Parent" {
			t.Fatalf("%s: fields %v are not set", family, missing)
		}
		table := newTable(t, 100)
		c := mustInsert(t, table, want)
		got, ok := table.Get(c.Ref())
		if !ok {
			t.Fatalf("%s: not found", family)
		}
		equal(t, family+": inserted", want, &got)
		for r := range table.Dump() {
			equal(t, family+": dumped", want, r)
			restored := newTable(t, 100)
			var c conntrack.Conn
			if restored.Restore(r, &c) != conntrack.Inserted {
				t.Fatal("no room")
			}
			again, _ := restored.Get(c.Ref())
			equal(t, family+": restored", want, &again)
		}
		shadow, copies, err := table.Shadow(func(*conntrack.Record) bool { return true }, 10)
		if err != nil {
			t.Fatal(err)
		}
		copied, _ := shadow.Get(copies[c.Ref()])
		equal(t, family+": in a shadow", want, &copied)
		shadow.Close()
	}
}

// No field of a record shows the entry's earlier contents.
func TestRecord_LeavesNothingToItsSuccessor(t *testing.T) {
	table := newTable(t, 1)
	var dead [2]conntrack.Conn
	order := int64(1 << 62) // greater than all orders before
	for _, old := range full(t) {
		c := mustInsert(t, table, old)
		if table.Remove(c.Ref(), &dead) != 1 {
			t.Fatal("it stays")
		}
		want := record(1, conntrack.TCPEstablished, 900*second)
		order += 1 << 20
		want.Order = order
		c = mustInsert(t, table, want)
		got, _ := table.Get(c.Ref())
		equal(t, "successor", want, &got)
		table.Remove(c.Ref(), &dead)
	}
}

func TestRecord_NamesItsParent(t *testing.T) {
	table := newTable(t, 100)
	template := mustInsert(t, table, templateRecord(1, 100, 0))
	child := mustInsert(t, table, childRecord(1, &template, 0))
	parent, _ := table.Get(template.Ref())
	r, _ := table.Get(child.Ref())
	if r.Parent != template.Ref() || r.Parental || parent.Parent != 0 || !parent.Parental {
		t.Errorf("the child is %+v, its parent %+v", r, parent)
	}
}

func TestExemptions_AreFields(t *testing.T) {
	for name, why := range exempt {
		if _, ok := reflect.TypeFor[conntrack.Record]().FieldByName(name); !ok || why == "" {
			t.Errorf("%s: no such field, or no reason", name)
		}
	}
}

// The test fails if a field is added to Record but Reset leaves it as it was.
func TestRecord_ResetLeavesNothing(t *testing.T) {
	got := fields.Full[conntrack.Record]()
	want := conntrack.Record{Key: conntrack.Key{Proto: 6}, Target: conntrack.Target{Server: 5}}
	got.Reset(want.Key, want.Target)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
