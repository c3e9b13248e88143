package conntrack_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/conntrack"
)

// The counts are those of a listing, before and after connections end.
func TestCountStates_CountsWhatAListHas(t *testing.T) {
	table := newTable(t, 1000)
	var made []conntrack.Conn
	for i := range 300 {
		states := []conntrack.State{conntrack.TCPEstablished, conntrack.TCPTimeWait, conntrack.UDP, conntrack.SCTPEstablished}
		made = append(made, mustInsert(t, table, record(i, states[i%7%len(states)], 60*second)))
	}
	mustInsert(t, table, templateRecord(1, 300, 0))
	for round := range 2 {
		var want [conntrack.States]uint64
		for r := range table.All() {
			want[r.State]++
		}
		if diff := cmp.Diff(want, table.CountStates()); diff != "" || want[conntrack.UDP] == 0 || want[conntrack.TemplateNone] != 1 {
			t.Errorf("round %d (-listed +counted):\n%s", round, diff)
		}
		var dead [2]conntrack.Conn
		for i := range made[:100] {
			table.Remove(made[i].Ref(), &dead)
		}
	}
}

func TestState_HasAProtocol(t *testing.T) {
	got := map[string]int{}
	for s := range conntrack.States {
		got[s.Proto()]++
	}
	if diff := cmp.Diff(map[string]int{"tcp": 11, "udp": 1, "sctp": 14, "template": 2}, got); diff != "" {
		t.Errorf("states by protocol (-want +got):\n%s", diff)
	}
}

// A flag is set once, whatever packets change meanwhile, and never on a connection that has
// ended or on the one that has its entry now.
func TestSetFlag_Once(t *testing.T) {
	table := seededTable(t, 1)
	c := mustInsert(t, table, unassured(childRecord(1, nil, 0), conntrack.TCPSynRecv))
	old := c
	table.Observe(&c, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts) // old is a stale copy now
	if first, second := table.SetFlag(&old, conntrack.SeenFailing), table.SetFlag(&c, conntrack.SeenFailing); !first || second {
		t.Errorf("set %v, then %v; want true, then false", first, second)
	}
	table.Observe(&c, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts)
	if r, _ := table.Get(c.Ref()); r.Flags&conntrack.SeenFailing == 0 || r.State != conntrack.TCPEstablished {
		t.Errorf("flags %#x in state %v, want the flag, ESTABLISHED", r.Flags, r.State)
	}
	var dead [2]conntrack.Conn
	table.Remove(c.Ref(), &dead)
	next := mustInsert(t, table, childRecord(2, nil, 0))
	if table.SetFlag(&c, conntrack.SeenFailing) {
		t.Error("the flag of a connection that has ended was set")
	}
	if r, _ := table.Get(next.Ref()); r.Flags&conntrack.SeenFailing != 0 {
		t.Error("the next connection of the entry has the flag")
	}
}
