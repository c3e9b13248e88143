package conntrack_test

import (
	"math/rand/v2"
	"testing"

	"director/conntrack"
	"director/packet"
)

// member is the expected state of a connection or template.
type member struct {
	conn     conntrack.Conn
	parent   *member
	children int
	deadline int64
	timeout  int64 // of a template
	assured  bool
	invalid  bool
}

// family is a table and its expected contents: templates of clients 0 to 19, and UDP
// connections with or without a template.
type family struct {
	t         *testing.T
	table     *conntrack.Table
	r         *rand.Rand
	now       int64
	size      int
	all       map[*member]bool
	templates [20]*member
	conns     map[int]*member
}

func (f *family) outcome(exists bool) conntrack.Outcome {
	switch {
	case exists:
		return conntrack.Existed
	case len(f.all) == f.size:
		return conntrack.Full
	}
	return conntrack.Inserted
}

func (f *family) insert(r *conntrack.Record, exists bool, m *member) bool {
	f.t.Helper()
	want := f.outcome(exists)
	if got := insertRecord(f.table, r, &m.conn); got != want {
		f.t.Fatalf("Insert(%+v) = %d, want %d; %d held", r.Key, got, want, len(f.all))
	}
	if want == conntrack.Inserted {
		f.all[m] = true
	}
	return want == conntrack.Inserted
}

func (f *family) addTemplate(k int) {
	seconds := uint32(10 + f.r.IntN(200))
	m := &member{deadline: f.now + int64(seconds)*second, timeout: int64(seconds)}
	r := templateRecord(k<<14, seconds, f.now)
	r.Flags = conntrack.Assured // so that no connection takes its room
	if f.insert(r, f.templates[k] != nil, m) {
		f.templates[k] = m
	}
}

func (f *family) addConn(n int, parent *member) {
	m := &member{deadline: f.now + 300*second, parent: parent}
	r := childRecord(n, nil, f.now)
	r.State, r.Proto, r.Deadline = conntrack.UDP, packet.ProtoUDP, m.deadline
	if parent != nil {
		r.Parent = parent.conn.Ref()
		parent.deadline = f.now + parent.timeout*second
	}
	if f.insert(r, f.conns[n] != nil, m) {
		f.conns[n] = m
		if parent != nil {
			parent.children++
		}
	}
}

func (f *family) observe(n int, m *member) {
	c := m.conn
	dir := conntrack.In
	if f.r.IntN(4) == 0 {
		dir = conntrack.Out
		if m.parent != nil {
			m.parent.assured = true
		}
	}
	f.table.Observe(&c, dir, conntrack.Datagram, f.now, &conntrack.Normal, &timeouts)
	m.deadline = f.now + 300*second
}

// gone removes a member from the model.
func (f *family) gone(m *member) {
	delete(f.all, m)
	for n, c := range f.conns {
		if c == m {
			delete(f.conns, n)
		}
	}
	for k, c := range f.templates {
		if c == m {
			f.templates[k] = nil
		}
	}
	if m.parent != nil {
		m.parent.children--
	}
}

func (f *family) end(m *member) {
	want := 0
	if m.children == 0 {
		f.gone(m)
		want = 1
		if p := m.parent; p != nil && p.children == 0 && !p.assured {
			f.gone(p)
			want = 2
		}
	}
	var dead [2]conntrack.Conn
	if got := f.table.Remove(m.conn.Ref(), &dead); got != want {
		f.t.Fatalf("%d ended, want %d", got, want)
	}
}

// sweep expires all members that are due. If a template and its last connection are both
// due, the result depends on the order: the template gets a lease if the sweeper reads it
// first, and otherwise expires.
func (f *family) sweep() {
	sweepAll(f.table, f.now)
	list := f.table.List()
	had := map[*member]bool{}
	for m := range f.all {
		if m.deadline <= f.now && m.timeout == 0 {
			if m.parent != nil {
				had[m.parent] = true
			}
			f.gone(m)
		}
	}
	for m := range f.all {
		if m.deadline > f.now {
			continue
		}
		if m.children > 0 || had[m] && f.listed(m, list) {
			for m.deadline <= f.now {
				m.deadline += 60 * second
			}
			m.timeout = 60
			continue
		}
		f.gone(m)
	}
}

func (f *family) listed(m *member, list []conntrack.Record) bool {
	for i := range list {
		if list[i].ID == m.conn.Ref() {
			return true
		}
	}
	return false
}

func (f *family) check() {
	f.t.Helper()
	list := f.table.List()
	if len(list) != len(f.all) || f.table.Used() != len(f.all) {
		f.t.Fatalf("%d listed, %d held, want %d", len(list), f.table.Used(), len(f.all))
	}
	for i := range list {
		var m *member
		for have := range f.all {
			if have.conn.Ref() == list[i].ID {
				m = have
			}
		}
		if m == nil {
			f.t.Fatalf("%+v should not be there", list[i].Key)
		}
		port := list[i].Port
		assured := list[i].State == conntrack.TemplateAssured
		if list[i].Deadline != m.deadline || assured != m.assured || (port == 65535) != m.invalid || f.table.Controls(&m.conn) != (m.children > 0) {
			f.t.Fatalf("%+v: until %d s, assured %v, port %d, want %d s, %v, invalid %v, %d children",
				list[i].Key, list[i].Deadline/second, assured, port, m.deadline/second, m.assured, m.invalid, m.children)
		}
	}
}

// TestTable_AgreesWithAModelOfFamilies applies the same random operations to a table and
// to a simple model. The table is small enough to become full and to borrow entries.
func TestTable_AgreesWithAModelOfFamilies(t *testing.T) {
	const size, flows = 500, 800
	for seed := range uint64(3) {
		f := &family{
			t: t, table: newTable(t, size), size: size, r: rand.New(rand.NewPCG(seed, 11)),
			all: map[*member]bool{}, conns: map[int]*member{},
		}
		full := 0
		for op := range 12_000 {
			k, n := f.r.IntN(len(f.templates)), f.r.IntN(flows)
			template, m := f.templates[k], f.conns[n]
			switch f.r.IntN(12) {
			case 0:
				f.addTemplate(k)
			case 1, 2, 3, 4:
				f.addConn(n, template)
			case 5:
				f.addConn(n, nil)
			case 6, 7:
				if m != nil {
					f.observe(n, m)
				}
			case 8:
				if m != nil && f.r.IntN(4) == 0 {
					f.end(m)
				} else if template != nil && f.r.IntN(20) == 0 {
					f.end(template)
				}
			case 9:
				if template != nil && f.r.IntN(10) == 0 {
					f.table.Invalidate(&template.conn)
					template.invalid, f.templates[k] = true, nil
				}
			case 10:
				var c conntrack.Conn
				found := findTemplate(f.table, templateRecord(k<<14, 0, 0).Key, "", &c)
				if found != (template != nil) || found && c.Ref() != template.conn.Ref() {
					t.Fatalf("seed %d op %d: template %d is found: %v, want %v", seed, op, k, found, template != nil)
				}
			case 11:
				if f.r.IntN(40) == 0 {
					f.now += int64(f.r.IntN(150)) * second
					f.sweep()
				}
			}
			if len(f.all) == size {
				full++
			}
			if op%400 == 0 {
				f.check()
			}
		}
		f.check()
		if full == 0 {
			t.Errorf("seed %d: the table was never full", seed)
		}
	}
}
