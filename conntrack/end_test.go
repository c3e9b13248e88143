package conntrack_test

import (
	"testing"

	"director/conntrack"
)

func TestEnd_IsAtOnceAndOnce(t *testing.T) {
	table := newTable(t, 100)
	c := mustInsert(t, table, childRecord(1, nil, 0))
	table.Observe(&c, conntrack.In, conntrack.Syn, 0, &conntrack.Normal, &timeouts)
	old := c
	table.Observe(&c, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts)
	// The copy has an older state. The removed connection has the last one.
	var dead [2]conntrack.Conn
	if n := table.Remove(old.Ref(), &dead); n != 1 || dead[0].Ref() != c.Ref() || dead[0].State() != conntrack.TCPEstablished {
		t.Errorf("%d ended, in %v, want 1 in ESTABLISHED", n, dead[0].State())
	}
	if n := table.Remove(old.Ref(), &dead); n != 0 || table.Used() != 0 {
		t.Errorf("%d ended again, %d left", n, table.Used())
	}
	if findIn(table, 1, &c) {
		t.Error("it is found after its end")
	}
}

func TestEnd_LeavesTheSuccessorAlone(t *testing.T) {
	table := newTable(t, 1)
	old := mustInsert(t, table, childRecord(1, nil, 0))
	var dead [2]conntrack.Conn
	table.Remove(old.Ref(), &dead)
	mustInsert(t, table, childRecord(2, nil, 0))
	if n := table.Remove(old.Ref(), &dead); n != 0 || table.Used() != 1 {
		t.Errorf("%d ended by an old copy, %d left, want 0 and 1", n, table.Used())
	}
}

// Remove of the last connection of a template also removes the template, if it was never
// assured (ip_vs_conn_expire).
func TestEnd_TakesTheUnusedTemplateAlong(t *testing.T) {
	for name, c := range map[string]struct {
		assured, sibling bool
		want             int
	}{
		"the only connection":      {false, false, 2},
		"of an assured template":   {true, false, 1},
		"of a template with more":  {false, true, 1},
		"of an assured one's more": {true, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTable(t, 100)
			template := mustInsert(t, table, templateRecord(1, 300, 0))
			child := mustInsert(t, table, childRecord(1, &template, 0))
			if c.assured {
				table.Observe(&child, conntrack.In, conntrack.Syn, 0, &conntrack.Normal, &timeouts)
				table.Observe(&child, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts)
			}
			if c.sibling {
				mustInsert(t, table, childRecord(2, &template, 0))
			}
			used := table.Used()
			var dead [2]conntrack.Conn
			if got := table.Remove(child.Ref(), &dead); got != c.want || table.Used() != used-c.want {
				t.Fatalf("%d ended, %d of %d left, want %d ended", got, table.Used(), used, c.want)
			}
			if dead[0].Ref() != child.Ref() || c.want == 2 && dead[1].Ref() != template.Ref() {
				t.Error("the copies are not those of the removed connections")
			}
			if got := findTemplate(table, template.Key(), "", &template); got != (c.want == 1) {
				t.Errorf("the template is found: %v, want %v", got, c.want == 1)
			}
		})
	}
}

// If a connection expires, its template stays until its own deadline.
func TestSweep_LeavesTheTemplateOfWhatEnded(t *testing.T) {
	table := newTable(t, 100)
	template := mustInsert(t, table, templateRecord(1, 300, 0))
	mustInsert(t, table, childRecord(1, &template, 0))
	endAt(t, table, 60, 1)
	if !findTemplate(table, template.Key(), "", &template) || table.Controls(&template) {
		t.Error("the template is gone, or controls what has ended")
	}
	endAt(t, table, 300, 1)
}

func TestEnd_SparesWhatControlsOthers(t *testing.T) {
	table := newTable(t, 100)
	control := mustInsert(t, table, childRecord(1, nil, 0))
	data := mustInsert(t, table, childRecord(2, &control, 0))
	var dead [2]conntrack.Conn
	if n := table.Remove(control.Ref(), &dead); n != 0 || table.Used() != 2 {
		t.Errorf("%d ended, %d left, want none and both", n, table.Used())
	}
	if n := table.Remove(data.Ref(), &dead); n != 1 {
		t.Errorf("%d ended with the data connection, want it alone: its parent is no template", n)
	}
	if n := table.Remove(control.Ref(), &dead); n != 1 || table.Used() != 0 {
		t.Errorf("%d ended, %d left, want 1 and none", n, table.Used())
	}
	template := mustInsert(t, table, templateRecord(1, 300, 0))
	if n := table.Remove(template.Ref(), &dead); n != 1 || !dead[0].Is(conntrack.Template) {
		t.Errorf("%d ended, want the template", n)
	}
}
