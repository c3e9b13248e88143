package conntrack_test

import (
	"testing"

	"director/conntrack"
	"director/packet"
)

func templateState(t *testing.T, table *conntrack.Table, n int) conntrack.State {
	t.Helper()
	var c conntrack.Conn
	if !findTemplate(table, templateRecord(n, 0, 0).Key, "", &c) {
		t.Fatalf("template %d is not found", n)
	}
	return c.State()
}

func TestTemplate_IsAssuredByAnEstablishedConnection(t *testing.T) {
	for _, machine := range []struct {
		name  string
		proto uint8
		state conntrack.State
		dir   conntrack.Direction
		steps []conntrack.Event
	}{
		{"tcp", packet.ProtoTCP, conntrack.TCPSynRecv, conntrack.In, []conntrack.Event{conntrack.Syn, conntrack.Reset, conntrack.Ack}},
		{"tcp, one way", packet.ProtoTCP, conntrack.TCPSynRecv, conntrack.InOnly, []conntrack.Event{conntrack.Syn, conntrack.Ack}},
		{"sctp", packet.ProtoSCTP, conntrack.SCTPInit1, conntrack.InOnly, []conntrack.Event{conntrack.ChunkInit, conntrack.ChunkData, conntrack.ChunkCookieEcho}},
	} {
		t.Run(machine.name, func(t *testing.T) {
			table := newTable(t, 100)
			template := mustInsert(t, table, templateRecord(1, 300, 0))
			r := childRecord(1, &template, 0)
			r.State, r.Proto = machine.state, machine.proto
			c := mustInsert(t, table, r)
			for i, ev := range machine.steps {
				if got := templateState(t, table, 1); got != conntrack.TemplateNone {
					t.Fatalf("before step %d the template is %v, want NONE", i, got)
				}
				table.Observe(&c, machine.dir, ev, 0, &conntrack.Normal, &timeouts)
			}
			if got := templateState(t, table, 1); got != conntrack.TemplateAssured {
				t.Errorf("the connection is %v and the template %v, want ASSURED", c.State(), got)
			}
			// An assured template stays assured.
			table.Observe(&c, machine.dir, conntrack.Reset, 0, &conntrack.Normal, &timeouts)
			mustInsert(t, table, childRecord(2, &template, 0))
			if got := templateState(t, table, 1); got != conntrack.TemplateAssured {
				t.Errorf("afterwards it is %v, want ASSURED", got)
			}
		})
	}
}

func TestTemplate_IsAssuredByTheFirstAnswerToADatagram(t *testing.T) {
	table := newTable(t, 100)
	template := mustInsert(t, table, templateRecord(1, 300, 0))
	r := childRecord(1, &template, 0)
	unassured(r, conntrack.UDP).Proto = packet.ProtoUDP
	c := mustInsert(t, table, r)
	for range 20 {
		table.Observe(&c, conntrack.In, conntrack.Datagram, 0, &conntrack.Normal, &timeouts)
	}
	if got := templateState(t, table, 1); got != conntrack.TemplateNone {
		t.Errorf("without an answer the template is %v, want NONE", got)
	}
	table.Observe(&c, conntrack.Out, conntrack.Datagram, 0, &conntrack.Normal, &timeouts)
	if got := templateState(t, table, 1); got != conntrack.TemplateAssured {
		t.Errorf("after one it is %v, want ASSURED", got)
	}
}

// Only templates can be assured: a connection that controls others keeps its state. An
// assured template stays assured when its deadline is extended.
func TestAssured_ConcernsTemplatesOnly(t *testing.T) {
	table := newTable(t, 100)
	control := mustInsert(t, table, childRecord(1, nil, 0))
	data := mustInsert(t, table, childRecord(2, &control, 0))
	table.Observe(&data, conntrack.In, conntrack.Syn, 0, &conntrack.Normal, &timeouts)
	table.Observe(&data, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts)
	var c conntrack.Conn
	if !findIn(table, 1, &c) || c.State() != conntrack.TCPTimeWait {
		t.Errorf("the control connection went to %v, want TIME_WAIT", c.State())
	}
	template := mustInsert(t, table, templateRecord(3, 10, 0))
	child := mustInsert(t, table, childRecord(3, &template, 0))
	table.Observe(&child, conntrack.In, conntrack.Syn, 0, &conntrack.Normal, &timeouts)
	table.Observe(&child, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts)
	endAt(t, table, 10, 0)
	if got := templateState(t, table, 3); got != conntrack.TemplateAssured {
		t.Errorf("a lease made the template %v, want ASSURED", got)
	}
}

// What keeps the template of a connection in a full table: an answer to its established
// connection, or many packets of the client.
func TestTemplate_IsKeptByAConnectionThatIsReal(t *testing.T) {
	type step struct {
		dir conntrack.Direction
		ev  conntrack.Event
	}
	in, out, past := conntrack.In, conntrack.Out, conntrack.InOnly
	acks := func(dir conntrack.Direction, n int) (steps []step) {
		for range n {
			steps = append(steps, step{dir, conntrack.Ack})
		}
		return steps
	}
	handshake := []step{{out, conntrack.Syn}, {in, conntrack.Ack}}
	for name, c := range map[string]struct {
		state conntrack.State
		steps []step
		want  bool
	}{
		"a SYN that is answered":         {conntrack.TCPSynRecv, handshake[:1], false},
		"a handshake":                    {conntrack.TCPSynRecv, handshake, false},
		"a handshake that is reset":      {conntrack.TCPSynRecv, append(handshake[:2:2], step{out, conntrack.Reset}), false},
		"a handshake and an answer":      {conntrack.TCPSynRecv, append(handshake[:2:2], step{out, conntrack.Ack}), true},
		"a handshake, and the end of it": {conntrack.TCPSynRecv, append(handshake[:2:2], step{out, conntrack.Fin}), true},
		"a handshake and many packets":   {conntrack.TCPSynRecv, append(handshake[:2:2], acks(in, 6)...), true},
		"blind packets":                  {conntrack.TCPSynRecv, acks(in, 6), false},
		"seven packets, half seen":       {conntrack.TCPSynRecv, acks(past, 6), false},
		"eight packets, half seen":       {conntrack.TCPSynRecv, acks(past, 7), true},
		"an answered datagram":           {conntrack.UDP, []step{{out, conntrack.Datagram}}, false},
		"an association":                 {conntrack.SCTPInit1, []step{{out, conntrack.ChunkInitAck}, {in, conntrack.ChunkCookieEcho}, {out, conntrack.ChunkCookieAck}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTable(t, 100)
			template := mustInsert(t, table, templateRecord(1, 300, 0))
			r := unassured(childRecord(1, &template, 0), c.state)
			r.Packets = 1
			conn := mustInsert(t, table, r)
			for _, s := range c.steps {
				table.Observe(&conn, s.dir, s.ev, 0, &conntrack.Normal, &timeouts)
			}
			got, _ := table.Get(template.Ref())
			if is := got.Flags&conntrack.Assured != 0; is != c.want {
				t.Errorf("the connection is %v and the template %v; it is kept: %v, want %v", conn.State(), got.State, is, c.want)
			}
		})
	}
}
