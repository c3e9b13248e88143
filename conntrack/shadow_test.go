package conntrack_test

import (
	"testing"

	"director/conntrack"
	"director/packet"
)

// shadowed inserts a connection of that client port into a table.
func shadowed(t *testing.T, table *conntrack.Table, port uint16, state conntrack.State, parent *conntrack.Conn) conntrack.Conn {
	t.Helper()
	k := conntrack.Key{
		Client: packet.AddrFrom4(0xc6336407), ClientPort: port, Virtual: packet.AddrFrom4(0xc000020a), VirtualPort: 80, Proto: packet.ProtoTCP,
	}
	r := conntrack.Record{Key: k, State: state, Flags: assuredUnlessHalfOpen(state), Order: int64(port), Deadline: 60_000_000_000 + int64(port), Parent: refOf(parent)}
	hash := table.Hash(k.Client, k.ClientPort, k.Proto)
	if port == 0 {
		r.Kind, r.Timeout = conntrack.Template, 300
		hash = table.HashTemplate(&k, 0, "")
	}
	var c, victim conntrack.Conn
	if o := table.Insert(hash, &r, &c, &victim); o != conntrack.Inserted {
		t.Fatalf("insert: outcome %v", o)
	}
	return c
}

func table(t *testing.T, size int) *conntrack.Table { return newTable(t, size) }

func shadowOf(t *testing.T, table *conntrack.Table, room int, ports ...uint16) *conntrack.Table {
	t.Helper()
	s, copies, err := table.Shadow(func(i *conntrack.Record) bool {
		for _, p := range ports {
			if i.ClientPort == p {
				return true
			}
		}
		return false
	}, room)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if len(copies) != s.Used() {
		t.Errorf("%d copies of %d connections", s.Used(), len(copies))
	}
	return s
}

func TestShadow_HasConnectionsAndTheirTemplates(t *testing.T) {
	original := table(t, 1000)
	template := shadowed(t, original, 0, conntrack.TemplateNone, nil)
	shadowed(t, original, 1, conntrack.TCPEstablished, &template)
	shadowed(t, original, 2, conntrack.TCPEstablished, &template)
	deadline := original.Deadline(&template)
	s := shadowOf(t, original, 10, 1)
	if s.Used() != 2 {
		t.Fatalf("%d connections, want the one and its template", s.Used())
	}
	for info := range s.All() {
		switch {
		case info.Is(conntrack.Template):
			if info.Deadline != deadline || !info.Parental {
				t.Errorf("the template ends at %d, want %d", info.Deadline, deadline)
			}
		case info.Parent == 0 || info.State != conntrack.TCPEstablished || info.ClientPort != 1:
			t.Errorf("connection %+v", info.Key)
		}
	}
	// The end of a copy does not change the original.
	for info := range s.All() {
		var dead [2]conntrack.Conn
		s.Remove(info.ID, &dead)
	}
	if original.Used() != 3 {
		t.Errorf("%d connections in the original, want 3", original.Used())
	}
}

func TestShadow_IsFullWhereTheOriginalIs(t *testing.T) {
	for _, c := range []struct {
		name  string
		state conntrack.State
		size  int
		want  conntrack.Outcome
	}{
		{"room", conntrack.TCPEstablished, 2, conntrack.Inserted},
		{"full", conntrack.TCPEstablished, 1, conntrack.Full},
		{"full of half-open ones", conntrack.TCPSynRecv, 1, conntrack.Evicted},
	} {
		t.Run(c.name, func(t *testing.T) {
			original := table(t, c.size)
			shadowed(t, original, 1, c.state, nil)
			s := shadowOf(t, original, 10) // has no copy of that connection
			k := conntrack.Key{Client: packet.AddrFrom4(0xc6336407), ClientPort: 9, Virtual: packet.AddrFrom4(0xc000020a), VirtualPort: 80, Proto: packet.ProtoTCP}
			hash := s.Hash(k.Client, k.ClientPort, k.Proto)
			var conn, victim, known conntrack.Conn
			r := conntrack.Record{Key: k, State: conntrack.TCPSynRecv}
			if got := s.Insert(hash, &r, &conn, &victim); got != c.want {
				t.Errorf("in the shadow: outcome %v, want %v", got, c.want)
			}
			f := packet.Flow{Src: k.Client, SrcPort: 1, Dst: k.Virtual, DstPort: 80, Proto: k.Proto}
			if original.Used() != 1 || !original.FindIn(original.HashIn(&f), &f, &known) {
				t.Error("the original's connection has gone")
			}
			if got := original.Insert(hash, &r, &conn, &victim); got != c.want {
				t.Errorf("in the original: outcome %v, want %v", got, c.want)
			}
		})
	}
}
