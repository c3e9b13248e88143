package conntrack_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"director/conntrack"
	"director/packet"
)

// moved is a table into which the contents of another were restored.
type moved struct {
	from, to *conntrack.Table
	refs     map[conntrack.Ref]conntrack.Ref // from the old table to the new one
}

// move restores the contents of a table in a new table of the given size. now is the
// time of the old clock, later the time of the new one.
func move(t *testing.T, from *conntrack.Table, now, later int64, size int) (m moved, full int) {
	t.Helper()
	m = moved{from, newTable(t, size), map[conntrack.Ref]conntrack.Ref{}}
	for s := range from.Dump() {
		parent, ok := m.refs[s.Parent]
		if s.Parent != 0 && !ok && full == 0 {
			t.Fatalf("connection %d comes before its parent %d", s.ID, s.Parent)
		}
		s.Parent = parent
		s.Deadline += later - now
		var c conntrack.Conn
		switch outcome := m.to.Restore(s, &c); outcome {
		case conntrack.Inserted:
			m.refs[s.ID] = c.Ref()
		case conntrack.Full:
			full++
		default:
			t.Fatalf("connection %d: outcome %d", s.ID, outcome)
		}
	}
	return m, full
}

// factsOf returns the connections of a table in a form that can be compared between
// tables: sorted, without references, and with the time left in place of the deadline.
func factsOf(table *conntrack.Table, now int64) (all []conntrack.Record) {
	for _, r := range table.List() {
		r.Deadline -= now
		r.ID = 0
		if r.Parent != 0 {
			r.Parent = 1
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b conntrack.Record) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return all
}

// populate fills a table with connections of all kinds: templates, some of them invalid;
// their children; FTP data connections, whose client port is not known; and connections
// without a parent, in the state after a few packets.
func populate(t *testing.T, table *conntrack.Table, families int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var c, victim conntrack.Conn
	put := func(hash uint64, r *conntrack.Record) conntrack.Conn {
		t.Helper()
		var c conntrack.Conn
		if got := table.Insert(hash, r, &c, &victim); got != conntrack.Inserted {
			t.Fatalf("insert %+v: outcome %d", r, got)
		}
		return c
	}
	for n := range families {
		now := int64(n) * second
		f := flow(10 * n)
		template := conntrack.Record{
			Key:    conntrack.Key{Client: packet.AddrFrom4(0x0b000000 + uint32(n)), Virtual: f.Dst, VirtualPort: 80, Proto: packet.ProtoUDP},
			Target: target(n), Kind: conntrack.Template, State: conntrack.TemplateNone, Timeout: 300, Order: now, Deadline: now + 300*second,
		}
		if n%3 == 0 {
			template.Kind |= conntrack.Engine
			template.Data = string(rune('a'+n%26)) + "@example"
		}
		parent := put(table.HashTemplate(&template.Key, 0, template.Data), &template)
		control := conntrack.Record{
			Key: conntrack.KeyOf(&f), Target: target(n), Kind: conntrack.Helper, State: conntrack.TCPEstablished,
			Packets: uint32(n % 16), Order: now, Deadline: now + 900*second, Parent: parent.Ref(),
		}
		dialogue := put(table.HashIn(&f), &control)
		data := control
		data.Client = template.Client // another client each time: only few may wait for one client
		data.Kind, data.State, data.Parent, data.ClientPort, data.VirtualPort = conntrack.AnyPort, conntrack.TCPListen, dialogue.Ref(), 0, 40000
		put(table.HashIn(&packet.Flow{Src: data.Client, Proto: f.Proto}), &data)
		if n%5 == 0 {
			table.Invalidate(&parent)
			put(table.HashTemplate(&template.Key, 0, template.Data), &template) // the valid one
		}
		for i := 1; i < 4; i++ {
			if insert(table, 10*n+i, now, &c) != conntrack.Inserted {
				t.Fatal("no room")
			}
			ev := []conntrack.Event{conntrack.Ack, conntrack.Fin, conntrack.Reset}[random.IntN(3)]
			table.Observe(&c, conntrack.In, ev, now+second, &conntrack.Normal, &timeouts)
		}
	}
}

func TestRestore_MakesTheSameTable(t *testing.T) {
	const families, now, later = 300, 400 * second, 7 * second
	from := newTable(t, 4000)
	populate(t, from, families)
	m, _ := move(t, from, now, later, 4000)
	if d := diff.Diff(factsOf(from, now), factsOf(m.to, later)); d != "" {
		t.Errorf("connections (-old +new):\n%s", d)
	}
	if m.to.Used() != from.Used() || conntrack.Overlooked(m.to) != 0 {
		t.Errorf("%d connections, want %d; %d of them would outlive their time", m.to.Used(), from.Used(), conntrack.Overlooked(m.to))
	}
}

func TestRestore_FindsThemByTheirPackets(t *testing.T) {
	from := newTable(t, 1000)
	populate(t, from, 50)
	m, _ := move(t, from, 60*second, 0, 1000)
	for n := range 50 {
		var old, c conntrack.Conn
		in, out := flow(10*n), answer(10*n+1)
		if !m.to.FindIn(m.to.HashIn(&in), &in, &c) || !m.to.FindOut(m.to.HashOut(&out), &out, &c) {
			t.Fatalf("connection %d is not found", n)
		}
		in.Src, in.SrcPort, in.DstPort = packet.AddrFrom4(0x0b000000+uint32(n)), 4711, 40000
		if !m.to.FindAnyPort(m.to.HashAnyPort(&in), &in, &c) {
			t.Fatalf("the data connection of %d, whose client's port is not known, is not found", n)
		}
		k := conntrack.Key{Client: in.Src, Virtual: in.Dst, VirtualPort: 80, Proto: packet.ProtoUDP}
		data := ""
		if n%3 == 0 {
			data = string(rune('a'+n%26)) + "@example"
		}
		if !from.FindTemplate(from.HashTemplate(&k, 0, data), &k, 0, data, &old) || !m.to.FindTemplate(m.to.HashTemplate(&k, 0, data), &k, 0, data, &c) {
			t.Fatalf("template %d is not found", n)
		}
	}
}

func TestRestore_EndsTheirFamiliesInTurn(t *testing.T) {
	from := newTable(t, 1000)
	populate(t, from, 50)
	m, _ := move(t, from, 50*second, 0, 1000)
	want := from.Used()
	ended := 0
	for now := int64(0); now < 1500*second; now += second {
		ended += sweepAll(m.to, now)
	}
	if ended != want || m.to.Used() != 0 {
		t.Errorf("%d ended and %d are left, want %d and none", ended, m.to.Used(), want)
	}
}

// If a client port has two connections to one server, an answer belongs to the younger.
func TestRestore_KeepsWhichIsTheYounger(t *testing.T) {
	from := newTable(t, 100)
	var parent, c, victim conntrack.Conn
	r := conntrack.Record{
		Key: conntrack.Key{Client: flow(1).Src, Virtual: flow(1).Dst}, Target: target(1),
		Kind: conntrack.Template, State: conntrack.TemplateNone, Timeout: 300, Order: 10 * second, Deadline: 310 * second,
	}
	from.Insert(from.HashTemplate(&r.Key, 0, ""), &r, &parent, &victim)
	child, alone := flow(1), flow(1)
	alone.Dst = packet.MustAddr("192.0.2.11")
	for i, f := range []packet.Flow{child, alone} {
		r := conntrack.Record{Key: conntrack.KeyOf(&f), Target: target(1), State: conntrack.TCPEstablished, Order: int64(20-i) * second, Deadline: 900 * second}
		if i == 0 {
			r.Parent = parent.Ref() // so the younger one is restored after the older
		}
		from.Insert(from.HashIn(&f), &r, &c, &victim)
	}
	out := answer(1)
	if !from.FindOut(from.HashOut(&out), &out, &c) {
		t.Fatal("not found")
	}
	want, _ := c.Virtual()
	m, _ := move(t, from, 30*second, 0, 100)
	if !m.to.FindOut(m.to.HashOut(&out), &out, &c) {
		t.Fatal("not found any more")
	}
	if got, _ := c.Virtual(); got != want {
		t.Errorf("%v answers, want %v as before", got, want)
	}
}

func TestRestore_EvictsNothing(t *testing.T) {
	from := newTable(t, 100)
	var c conntrack.Conn
	for n := range 100 { // half-open, so a new connection would evict one
		insert(from, n, 0, &c)
	}
	m, full := move(t, from, 0, 0, 60)
	if m.to.Used() != 60 || full != 40 {
		t.Errorf("%d restored and %d refused, want 60 and 40", m.to.Used(), full)
	}
}
