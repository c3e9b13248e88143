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
