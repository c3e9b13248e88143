package conntrack_test

import (
	"testing"

	"director/conntrack"
	"director/packet"
)

// templateRecord returns the template of client number n for the service on port 80.
// seconds is its time-out.
func templateRecord(n int, seconds uint32, now int64) *conntrack.Record {
	f := flow(n)
	return &conntrack.Record{
		Key:    conntrack.Key{Client: f.Src, Virtual: f.Dst, VirtualPort: f.DstPort, Proto: f.Proto},
		Target: conntrack.Target{Addr: target(n).Addr, Port: 8080, Server: target(n).Server},
		Kind:   conntrack.Template, State: conntrack.TemplateNone,
		Timeout: seconds, Order: now, Deadline: now + int64(seconds)*second,
	}
}

// insertRecord inserts a connection or a template under its own hash.
func insertRecord(table *conntrack.Table, r *conntrack.Record, c *conntrack.Conn) conntrack.Outcome {
	var victim conntrack.Conn
	return table.Insert(hashOf(table, r), r, c, &victim)
}

func hashOf(table *conntrack.Table, r *conntrack.Record) uint64 {
	if r.Kind&conntrack.Template != 0 {
		return table.HashTemplate(&r.Key, r.Mark, r.Data)
	}
	return table.HashIn(&packet.Flow{Src: r.Client, SrcPort: r.ClientPort, Proto: r.Proto})
}

// refOf returns the reference of a parent, or 0 if there is none.
func refOf(parent *conntrack.Conn) conntrack.Ref {
	if parent == nil {
		return 0
	}
	return parent.Ref()
}

// mustInsert fails the test if there is no room.
func mustInsert(t *testing.T, table *conntrack.Table, r *conntrack.Record) (c conntrack.Conn) {
	t.Helper()
	if got := insertRecord(table, r, &c); got != conntrack.Inserted {
		t.Fatalf("Insert = %d, want Inserted", got)
	}
	return c
}

// childRecord returns connection number n, a child of parent, in a state that is not
// half-open and has a time-out of one minute.
func childRecord(n int, parent *conntrack.Conn, now int64) *conntrack.Record {
	f := flow(n)
	return &conntrack.Record{
		Key: conntrack.KeyOf(&f), Target: target(n), State: conntrack.TCPTimeWait, Flags: conntrack.Assured, Packets: 1,
		Order: now, Deadline: now + 60*second, Parent: refOf(parent),
	}
}

// deadlineOf returns the deadline of c.
func deadlineOf(t *testing.T, table *conntrack.Table, c *conntrack.Conn) int64 {
	t.Helper()
	for info := range table.All() {
		if info.ID == c.Ref() {
			return info.Deadline
		}
	}
	t.Fatalf("the connection %+v is not listed", c.Key())
	return 0
}

// endAt sweeps the table at second s and checks how many connections expire.
func endAt(t *testing.T, table *conntrack.Table, s int64, want int) {
	t.Helper()
	if got := sweepAll(table, s*second); got != want {
		t.Errorf("at %d s %d ended, want %d; %d are left", s, got, want, table.Used())
	}
}

// A template that reaches its deadline while it has a connection stays for another 60 s,
// as often as necessary. From then on its time-out is 60 s (ip_vs_conn_expire).
func TestTemplate_LivesOnWhileItHasConnections(t *testing.T) {
	table := newTable(t, 100)
	template := mustInsert(t, table, templateRecord(1, 100, 0))
	child := mustInsert(t, table, childRecord(1, &template, 0))
	keepAlive := func(s int64) {
		table.Observe(&child, conntrack.In, conntrack.Ack, s*second, &conntrack.Normal, &timeouts) // TIME_WAIT: 120 s
	}
	keepAlive(50)
	endAt(t, table, 100, 0) // lease until 160 s
	if got := deadlineOf(t, table, &template); got != 160*second {
		t.Errorf("the template's time is %d s, want 160", got/second)
	}
	keepAlive(150)
	endAt(t, table, 159, 0)
	endAt(t, table, 290, 1) // the child at 270 s; the template was renewed meanwhile
	// It was due at 160 s and is read at 290 s: after leases of 60 s each, it is due at 340 s.
	if got := deadlineOf(t, table, &template); got != 340*second {
		t.Errorf("the template's time is %d s, want 340", got/second)
	}
	// A new connection gives the template a deadline in 60 s, not in 100 s.
	again := mustInsert(t, table, childRecord(2, &template, 300*second))
	if got := deadlineOf(t, table, &template); got != 360*second {
		t.Errorf("the template's time is %d s after a new connection at 300 s, want 360", got/second)
	}
	endAt(t, table, 359, 0)
	if table.Controls(&again) || !table.Controlled(&again) || !table.Controls(&template) || table.Controlled(&template) {
		t.Error("the template should control and the connection be controlled, nothing else")
	}
	endAt(t, table, 360, 1) // the child; the template still had it when it was read
	endAt(t, table, 420, 1)
	if table.Used() != 0 {
		t.Errorf("%d are left, want none", table.Used())
	}
}

func TestTemplate_EachNewConnectionBeginsItsTimeAnew(t *testing.T) {
	table := newTable(t, 100)
	template := mustInsert(t, table, templateRecord(1, 300, 0))
	for n := range 5 {
		now := int64(n) * 100 * second
		mustInsert(t, table, childRecord(n, &template, now))
		if got, want := deadlineOf(t, table, &template), now+300*second; got != want {
			t.Errorf("connection %d: the template's time is %d s, want %d", n, got/second, want/second)
		}
	}
	table.Renew(&template, 1000*second)
	if got := deadlineOf(t, table, &template); got != 1300*second {
		t.Errorf("renewed at 1000 s its time is %d s, want 1300", got/second)
	}
	// An existing connection is not renewed, but its template is, because of the packet.
	var c conntrack.Conn
	if got := insertRecord(table, childRecord(1, &template, 1100*second), &c); got != conntrack.Existed {
		t.Fatalf("Insert = %d, want Existed", got)
	}
	endAt(t, table, 460, 5)
	endAt(t, table, 1400, 1)
}

// A connection that finds no room must not keep its template in the table.
func TestTemplate_IsLetGoByConnectionsThatFailed(t *testing.T) {
	table := newTable(t, 2)
	template := mustInsert(t, table, templateRecord(1, 10, 0))
	child := mustInsert(t, table, childRecord(1, &template, 0))
	var c conntrack.Conn
	if got := insertRecord(table, childRecord(2, &template, 0), &c); got != conntrack.Full {
		t.Fatalf("Insert into a full table = %d, want Full", got)
	}
	if got := insertRecord(table, childRecord(1, &template, 0), &c); got != conntrack.Existed {
		t.Fatalf("second Insert = %d, want Existed", got)
	}
	var dead [2]conntrack.Conn
	if n := table.Remove(child.Ref(), &dead); n != 2 || table.Used() != 0 {
		t.Errorf("%d ended and %d are left, want the connection and its unused template ended", n, table.Used())
	}
}

func TestInsert_AfterTheParentsEndStandsAlone(t *testing.T) {
	table := newTable(t, 100)
	template := mustInsert(t, table, templateRecord(1, 10, 0))
	endAt(t, table, 10, 1)
	successor := mustInsert(t, table, templateRecord(2, 10, 20*second)) // in the same entry
	child := mustInsert(t, table, childRecord(1, &template, 20*second))
	if table.Controlled(&child) || table.Controls(&successor) {
		t.Error("a connection is controlled by a template that has ended")
	}
}

// FTP's control connection stays while it has data connections, with the time-outs of its
// state.
func TestConnection_LivesOnForOthersToo(t *testing.T) {
	table := newTable(t, 100)
	control := mustInsert(t, table, childRecord(1, nil, 0))
	data := mustInsert(t, table, childRecord(2, &control, 50*second))
	if got := deadlineOf(t, table, &control); got != 60*second {
		t.Errorf("a data connection moved the control connection's time to %d s, want 60", got/second)
	}
	endAt(t, table, 60, 0)
	endAt(t, table, 110, 1) // data
	endAt(t, table, 119, 0)
	table.Observe(&control, conntrack.In, conntrack.Ack, 119*second, &conntrack.Normal, &timeouts)
	if got := deadlineOf(t, table, &control); got != 239*second {
		t.Errorf("a packet gives it until %d s, want 239: TIME_WAIT lasts 120 s", got/second)
	}
	_ = data
	endAt(t, table, 239, 1)
}
