package conntrack_test

import (
	"testing"

	"director/conntrack"
	"director/packet"
)

func findTemplate(table *conntrack.Table, k conntrack.Key, data string, c *conntrack.Conn) bool {
	return table.FindTemplate(table.HashTemplate(&k, 0, data), &k, 0, data, c)
}

func TestTemplate_IsFoundByItsWholeKeyOnly(t *testing.T) {
	table := newTable(t, 1000)
	r := templateRecord(1, 300, 0)
	mustInsert(t, table, r)
	var c conntrack.Conn
	if !findTemplate(table, r.Key, "", &c) {
		t.Fatal("the template is not found")
	}
	if a, p := c.Target(); a != r.Addr || p != 8080 || !c.Is(conntrack.Template) || c.State() != conntrack.TemplateNone || c.Server() != r.Server {
		t.Errorf("%v:%d of server %d in %v found, want %v:8080 of %d in NONE", a, p, c.Server(), c.State(), r.Addr, r.Server)
	}
	for name, change := range map[string]func(*conntrack.Key){
		"client":       func(k *conntrack.Key) { k.Client = packet.MustAddr("198.51.100.99") },
		"virtual":      func(k *conntrack.Key) { k.Virtual = packet.MustAddr("192.0.2.11") },
		"virtual port": func(k *conntrack.Key) { k.VirtualPort = 0 },
		"protocol":     func(k *conntrack.Key) { k.Proto = 0 },
	} {
		k := r.Key
		change(&k)
		if findTemplate(table, k, "", &c) {
			t.Errorf("another %s finds the template", name)
		}
	}
	if findTemplate(table, r.Key, "call", &c) {
		t.Error("an engine's data find a template without any")
	}
	var again conntrack.Conn
	if got := insertRecord(table, r, &again); got != conntrack.Existed || !again.Is(conntrack.Template) {
		t.Errorf("second Insert = %d, want Existed", got)
	}
}

// No packet finds a template, whatever the packet's addresses and ports.
func TestTemplate_IsFoundByNoPacket(t *testing.T) {
	table := newTable(t, 1000)
	r := templateRecord(1, 300, 0)
	r.Target.Port = 80
	// The template is under the packets' hash, so they do search its chain.
	f := packet.Flow{Src: r.Client, SrcPort: 0, Dst: r.Virtual, DstPort: r.VirtualPort, Proto: r.Proto}
	var c, victim conntrack.Conn
	if got := table.Insert(table.HashIn(&f), r, &c, &victim); got != conntrack.Inserted {
		t.Fatalf("Insert = %d", got)
	}
	if table.FindIn(table.HashIn(&f), &f, &c) {
		t.Error("a client's packet finds the template")
	}
	back := packet.Flow{Src: r.Addr, SrcPort: 80, Dst: r.Client, DstPort: 0, Proto: r.Proto}
	if table.FindOut(table.HashOut(&back), &back, &c) {
		t.Error("an answer finds the template")
	}
}

// An invalid template has the port 65535 and stays until its deadline, beside its
// successor (ip_vs_check_template).
func TestTemplate_InvalidatedMakesRoomForAnother(t *testing.T) {
	table := newTable(t, 1000)
	r := templateRecord(1, 300, 0)
	old := mustInsert(t, table, r)
	child := mustInsert(t, table, childRecord(1, &old, 0))
	table.Invalidate(&old)
	now, ok := table.Get(old.Ref())
	if !ok || now.Addr != r.Addr || now.Port != 65535 {
		t.Errorf("the invalid template points to %v:%d, want %v:65535", now.Addr, now.Port, r.Addr)
	}
	if now.Key != r.Key || !now.Is(conntrack.Template) || now.Server != r.Server {
		t.Errorf("the invalid template became %+v", now)
	}
	var c conntrack.Conn
	if findTemplate(table, r.Key, "", &c) {
		t.Error("an invalid template is found")
	}
	next := *r
	next.Target = target(2)
	mustInsert(t, table, &next)
	if !findTemplate(table, r.Key, "", &c) || c.Server() != target(2).Server {
		t.Errorf("server %d found, want the new template's %d", c.Server(), target(2).Server)
	}
	if !findIn(table, 1, &c) || c.Ref() != child.Ref() || !table.Controlled(&child) {
		t.Error("the invalid template's connection is not what it was")
	}
	endAt(t, table, 60, 1)
	endAt(t, table, 300, 2)
}

func TestInvalidate_LeavesTheSuccessorAlone(t *testing.T) {
	table := newTable(t, 1)
	old := mustInsert(t, table, templateRecord(1, 10, 0))
	endAt(t, table, 10, 1)
	c := mustInsert(t, table, templateRecord(2, 10, 20*second))
	table.Invalidate(&old)
	table.Hide(old.Ref())
	table.Renew(&old, 1000*second)
	if !findTemplate(table, templateRecord(2, 10, 0).Key, "", &c) {
		t.Error("the successor was changed")
	}
	if got := deadlineOf(t, table, &c); got != 30*second {
		t.Errorf("the successor's time is %d s, want 30", got/second)
	}
}

func TestTemplate_OfAnEngineIsFoundByItsData(t *testing.T) {
	table := newTable(t, 1000)
	base := templateRecord(1, 300, 0)
	base.Kind |= conntrack.Engine
	calls := []string{"a@example", "b@example", "c@example"}
	for i, call := range calls {
		r := *base
		r.Data = call
		r.Target = target(i)
		mustInsert(t, table, &r)
	}
	var c conntrack.Conn
	for i, call := range calls {
		if !findTemplate(table, base.Key, call, &c) || c.Server() != target(i).Server {
			t.Errorf("call %s finds server %d, want %d", call, c.Server(), target(i).Server)
		}
	}
	for _, call := range []string{"", "a@exampl", "a@examplee", "d@example"} {
		if findTemplate(table, base.Key, call, &c) {
			t.Errorf("call %q finds a template", call)
		}
	}
	// The data end with the template: the next connection in the entry has none.
	endAt(t, table, 300, 3)
	plain := templateRecord(1, 300, 400*second)
	mustInsert(t, table, plain)
	for info := range table.All() {
		if info.Data != "" {
			t.Errorf("a template without an engine has the data %q", info.Data)
		}
	}
	for _, call := range calls {
		if findTemplate(table, base.Key, call, &c) {
			t.Errorf("call %s is still found", call)
		}
	}
}

// FindAnyPort finds a connection whose client port is not known, for any port of the
// client. Other lookups do not find it.
func TestAnyPort_IsFoundByTheClientsFirstPacket(t *testing.T) {
	table := newTable(t, 1000)
	f := flow(1)
	var c conntrack.Conn
	if table.FindAnyPort(table.HashAnyPort(&f), &f, &c) {
		t.Error("an empty table has one")
	}
	r := childRecord(1, nil, 0)
	r.Kind, r.ClientPort = conntrack.AnyPort, 0
	r.State = conntrack.TCPListen
	mustInsert(t, table, r)
	if findIn(table, 1, &c) {
		t.Error("a packet finds it unasked")
	}
	for _, port := range []uint16{1, 1025, 65535} {
		f.SrcPort = port
		if !table.FindAnyPort(table.HashAnyPort(&f), &f, &c) || c.State() != conntrack.TCPListen || !c.Is(conntrack.AnyPort) {
			t.Errorf("the client's port %d does not find it", port)
		}
	}
	for name, change := range map[string]func(*packet.Flow){
		"client":       func(f *packet.Flow) { f.Src = packet.MustAddr("198.51.100.99") },
		"virtual":      func(f *packet.Flow) { f.Dst = packet.MustAddr("192.0.2.11") },
		"virtual port": func(f *packet.Flow) { f.DstPort++ },
		"protocol":     func(f *packet.Flow) { f.Proto = packet.ProtoUDP },
	} {
		f := flow(1)
		change(&f)
		if table.FindAnyPort(table.HashAnyPort(&f), &f, &c) {
			t.Errorf("another %s finds it", name)
		}
	}
	zero := flow(1)
	zero.SrcPort = 0
	if table.FindIn(table.HashIn(&zero), &zero, &c) {
		t.Error("a packet from port 0 is taken for its own")
	}
	var again conntrack.Conn
	if got := insertRecord(table, r, &again); got != conntrack.Existed {
		t.Errorf("a second one: outcome %d, want Existed", got)
	}
	endAt(t, table, 60, 1)
	if f := flow(1); table.FindAnyPort(table.HashAnyPort(&f), &f, &c) {
		t.Error("it is found after its end")
	}
}

// No lookup finds a hidden connection, in either direction. It expires at its deadline.
// Another connection with its key can be inserted at once.
func TestHide_KeepsPacketsFromFinding(t *testing.T) {
	table := newTable(t, 1000)
	old := mustInsert(t, table, childRecord(1, nil, 0))
	mustInsert(t, table, childRecord(2, &old, 0))
	table.Hide(old.Ref())
	var c conntrack.Conn
	back := answer(1)
	if findIn(table, 1, &c) || table.FindOut(table.HashOut(&back), &back, &c) {
		t.Error("a hidden connection is found")
	}
	next := mustInsert(t, table, childRecord(1, nil, 10*second))
	if !findIn(table, 1, &c) || c.Ref() != next.Ref() || c.Ref() == old.Ref() {
		t.Error("its successor is not found")
	}
	if !table.FindOut(table.HashOut(&back), &back, &c) || c.Ref() != next.Ref() {
		t.Error("an answer does not find its successor")
	}
	if table.Used() != 3 {
		t.Errorf("%d connections, want 3", table.Used())
	}
	any := childRecord(3, nil, 0)
	any.Kind, any.ClientPort = conntrack.AnyPort, 0
	hidden := mustInsert(t, table, any)
	table.Hide(hidden.Ref())
	if f := flow(3); table.FindAnyPort(table.HashAnyPort(&f), &f, &c) {
		t.Error("a hidden connection of any port is found")
	}
}

// A connection made by Imagine has the same values as one in a table.
func TestImagine_LooksLikeAConnection(t *testing.T) {
	r := childRecord(1, nil, 0)
	var c conntrack.Conn
	conntrack.Imagine(r, &c)
	a, p := c.Target()
	if c.Key() != r.Key || a != r.Addr || p != r.Port || c.Server() != r.Server || c.State() != r.State || c.Method() != r.Method {
		t.Errorf("imagined %+v in %v to %v:%d, want %+v", c.Key(), c.State(), a, p, r)
	}
}
