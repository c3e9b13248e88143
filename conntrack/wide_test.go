package conntrack_test

import (
	"math/rand/v2"
	"testing"

	"director/conntrack"
	"director/packet"
)

func TestEntry_IsOneLine(t *testing.T) {
	if entry, extension, streams := conntrack.Sizes(); entry != 64 || extension != 128 || streams != 64 {
		t.Errorf("an entry takes %d bytes, its extension %d and its streams %d, want one cache line, two and one", entry, extension, streams)
	}
}

// An IPv4 connection uses its entry only. A connection of a firewall mark's service and a
// template use the extension too.
func TestInsert_LeavesTheExtensionAlone(t *testing.T) {
	table := newTable(t, 100)
	plain := mustInsert(t, table, childRecord(1, nil, 0))
	marked := childRecord(2, nil, 0)
	marked.Mark = 7
	other := mustInsert(t, table, marked)
	if conntrack.Touched(table, &plain) || !conntrack.Touched(table, &other) {
		t.Error("the wrong one has an extension")
	}
}

// addrs holds addresses of both families. Some have the same low words.
var addrs = []packet.Addr{
	packet.MustAddr("192.0.2.1"), packet.MustAddr("192.0.2.2"), packet.MustAddr("0.0.0.0"),
	packet.MustAddr("::c000:201"), packet.MustAddr("2001:db8::ffff:c000:201"), packet.MustAddr("2001:db8::ffff:c000:202"),
	packet.MustAddr("2001:db8::1:c000:201"), packet.MustAddr("64:ff9b::c000:201"),
}

// families is a table and its expected contents, by key.
type families struct {
	*testing.T
	*rand.Rand
	table     *conntrack.Table
	conns     map[conntrack.Key]*conntrack.Record
	templates map[templateKey]*conntrack.Record
	awaiting  map[conntrack.Key]*conntrack.Record // without the client's port
}

type templateKey struct {
	conntrack.Key
	mark uint32
}

// endpoints returns two addresses of one family.
func (m *families) endpoints() (a, b packet.Addr) {
	for {
		a, b = addrs[m.IntN(len(addrs))], addrs[m.IntN(len(addrs))]
		if a.Is4() == b.Is4() && a != b {
			return a, b
		}
	}
}

func (m *families) key() conntrack.Key {
	client, virtual := m.endpoints()
	return conntrack.Key{
		Client: client, Virtual: virtual, ClientPort: uint16(1 + m.IntN(3)), VirtualPort: uint16(80 + m.IntN(2)), Proto: packet.ProtoTCP,
	}
}

// insert inserts r, and checks whether it existed.
func (m *families) insert(r *conntrack.Record, exists bool) (c conntrack.Conn) {
	m.Helper()
	want := conntrack.Inserted
	if exists {
		want = conntrack.Existed
	}
	if got := insertRecord(m.table, r, &c); got != want {
		m.Fatalf("%+v: outcome %d, want %d", r, got, want)
	}
	return c
}

// target returns a server of the family of a key's addresses.
func (m *families) target(k conntrack.Key) conntrack.Target {
	to := packet.MustAddr("10.0.0.1")
	if !k.Client.Is4() {
		to = packet.MustAddr("2001:db8:1::1")
	}
	return conntrack.Target{Addr: to, Port: 8080, Server: m.Uint32N(9)}
}

func (m *families) step() {
	k := m.key()
	r := &conntrack.Record{Key: k, Target: m.target(k), State: conntrack.TCPEstablished, Deadline: 900 * second}
	switch m.IntN(5) {
	case 0:
		m.insert(r, m.conns[k] != nil)
		if m.conns[k] == nil {
			m.conns[k] = r
		}
	case 1:
		var c conntrack.Conn
		f := flowOf(k)
		if m.table.FindIn(m.table.HashIn(&f), &f, &c) {
			m.table.Remove(c.Ref(), new([2]conntrack.Conn))
			delete(m.conns, k)
		}
	case 2:
		r.ClientPort, r.Kind, r.State, r.Timeout = 0, conntrack.Template, conntrack.TemplateNone, 300
		if m.IntN(2) == 0 {
			r.Mark, r.Virtual, r.VirtualPort, r.Proto = 1+m.Uint32N(2)*0xc0000200, packet.AddrFrom4(0), 0, 0
		}
		at := templateKey{r.Key, r.Mark}
		m.insert(r, m.templates[at] != nil)
		if m.templates[at] == nil {
			m.templates[at] = r
		}
	case 3:
		r.ClientPort, r.Kind = 0, conntrack.AnyPort
		m.insert(r, m.awaiting[r.Key] != nil)
		if m.awaiting[r.Key] == nil {
			m.awaiting[r.Key] = r
		}
	case 4:
		var c conntrack.Conn
		f := flowOf(k)
		waits := k
		waits.ClientPort = 0
		if m.awaiting[waits] == nil || m.conns[k] != nil {
			break
		}
		if !m.table.FindAnyPort(m.table.HashAnyPort(&f), &f, &c) || !m.table.FillPort(&c, m.table.HashIn(&f), f.SrcPort) || c.Key() != k {
			m.Fatalf("%+v does not fill %+v", k, m.awaiting[waits])
		}
		m.conns[k] = m.awaiting[waits]
		delete(m.awaiting, waits)
	}
}

func flowOf(k conntrack.Key) packet.Flow {
	return packet.Flow{Src: k.Client, Dst: k.Virtual, SrcPort: k.ClientPort, DstPort: k.VirtualPort, Proto: k.Proto}
}

// check compares all lookups of a random key with the model.
func (m *families) check() {
	m.Helper()
	k := m.key()
	var c conntrack.Conn
	f := flowOf(k)
	want := m.conns[k]
	if found := m.table.FindIn(m.table.HashIn(&f), &f, &c); found != (want != nil) || found && (c.Key() != k || c.Server() != want.Server) {
		m.Fatalf("FindIn(%+v): %v, %+v of server %d, want %+v", f, found, c.Key(), c.Server(), want)
	}
	if found := m.table.HitIn(sought(m.table, m.table.HashIn(&f)), &f).Found(); k.Client.Is4() && want == nil && found {
		m.Fatalf("HitIn(%+v) finds another", f)
	}
	if want != nil {
		back := packet.Flow{Src: want.Addr, SrcPort: want.Port, Dst: k.Client, DstPort: k.ClientPort, Proto: k.Proto}
		if !m.table.FindOut(m.table.HashOut(&back), &back, &c) || c.Key().Client != k.Client {
			m.Fatalf("the answer %+v is not found", back)
		}
		if addr, port := c.Target(); addr != want.Addr || port != want.Port {
			m.Fatalf("the answer %+v is that of %v:%d", back, addr, port)
		}
		back.Src.Lo ^= 1
		if m.table.FindOut(m.table.HashOut(&back), &back, &c) {
			m.Fatalf("the answer %+v is found", back)
		}
	}
	k.ClientPort = 0
	if found := m.table.FindAnyPort(m.table.HashAnyPort(&f), &f, &c); found != (m.awaiting[k] != nil) {
		m.Fatalf("FindAnyPort(%+v): %v", f, found)
	}
	for mark := range uint32(3) {
		t := templateKey{k, mark}
		if mark != 0 {
			t.mark = 1 + (mark-1)*0xc0000200
			t.Virtual, t.VirtualPort, t.Proto = packet.AddrFrom4(0), 0, 0
		}
		want := m.templates[t]
		found := m.table.FindTemplate(m.table.HashTemplate(&t.Key, t.mark, ""), &t.Key, t.mark, "", &c)
		if found != (want != nil) || found && (c.Key() != t.Key || c.Server() != want.Server) {
			m.Fatalf("FindTemplate(%+v): %v, %+v", t, found, c.Key())
		}
	}
}

// TestTable_AgreesWithAModelOfBothFamilies applies the same random operations to a table
// and to a map. The addresses differ in few bits.
func TestTable_AgreesWithAModelOfBothFamilies(t *testing.T) {
	for seed := range uint64(4) {
		m := &families{
			T: t, Rand: rand.New(rand.NewPCG(seed, 5)), table: newTable(t, 4000),
			conns: map[conntrack.Key]*conntrack.Record{}, templates: map[templateKey]*conntrack.Record{}, awaiting: map[conntrack.Key]*conntrack.Record{},
		}
		for range 5000 {
			m.step()
			m.check()
		}
		if want := len(m.conns) + len(m.templates) + len(m.awaiting); m.table.Used() != want || len(m.table.List()) != want {
			t.Errorf("%d held, %d listed, want %d", m.table.Used(), len(m.table.List()), want)
		}
	}
}

// A packet of one family does not find a connection of the other, even if both have the
// same hash.
func TestFind_KeepsTheFamiliesApart(t *testing.T) {
	table := newTable(t, 1000)
	var c, victim conntrack.Conn
	put := func(hash uint64, r *conntrack.Record) {
		t.Helper()
		if table.Insert(hash, r, &c, &victim) != conntrack.Inserted {
			t.Fatal("not inserted")
		}
	}
	// IPv4, under the hashes of packets with the same low words.
	four := childRecord(1, nil, 0)
	widened := func(a packet.Addr) packet.Addr { return packet.Addr{Hi: 0x20010db8 << 32, Lo: a.Lo} }
	in := packet.Flow{Src: widened(four.Client), Dst: widened(four.Virtual), SrcPort: four.ClientPort, DstPort: four.VirtualPort, Proto: four.Proto}
	put(table.HashIn(&in), four)
	if table.FindIn(table.HashIn(&in), &in, &c) {
		t.Error("a client's IPv6 packet finds an IPv4 connection")
	}
	out := packet.Flow{Src: widened(four.Addr), Dst: in.Src, SrcPort: four.Target.Port, DstPort: four.ClientPort, Proto: four.Proto}
	if table.FindOut(table.HashOut(&out), &out, &c) {
		t.Error("an IPv6 answer finds an IPv4 connection")
	}
	// IPv6, whose entry has zeroes in the place of IPv4 addresses.
	six := childRecord(2, nil, 0)
	six.Client, six.Virtual, six.Addr = in.Src, in.Dst, widened(six.Addr)
	none := packet.AddrFrom4(0)
	in = packet.Flow{Src: none, Dst: none, SrcPort: six.ClientPort, DstPort: six.VirtualPort, Proto: six.Proto}
	out = packet.Flow{Src: none, Dst: none, SrcPort: six.Target.Port, DstPort: six.ClientPort, Proto: six.Proto}
	put(table.HashIn(&in), six)
	if table.FindIn(table.HashIn(&in), &in, &c) || table.FindOut(table.HashOut(&out), &out, &c) {
		t.Error("an IPv4 packet finds an IPv6 connection")
	}
	hint := sought(table, table.HashIn(&in))
	if table.HitIn(hint, &in).Found() || table.HitOut(hint, &out).Found() {
		t.Error("a plain IPv4 packet finds an IPv6 connection")
	}
}
