package conntrack_test

import (
	"testing"

	"director/conntrack"
	"director/packet"
)

// sought returns the hint of Seek for one packet.
func sought(table *conntrack.Table, hash uint64) conntrack.Hint {
	var hints [1]conntrack.Hint
	table.Seek([]uint64{hash}, hints[:])
	return hints[0]
}

// hintTable returns a table whose hash gives a hint for each connection of these tests.
// With another hash two connections, or both directions of one, may share a tag of a
// bucket, and then there is no hint.
func hintTable(t *testing.T) *conntrack.Table {
	t.Helper()
	table, err := conntrack.NewSeeded(1000, [3]uint64{0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return table
}

// Seek and a Hit find the same connections as FindIn and FindOut, or nothing: there is a
// hint for nearly all, whatever the hash. They find nothing for a packet that differs from
// a connection's packets in any field.
func TestHit_IsWhatIsFoundWithoutAHint(t *testing.T) {
	table := newTable(t, 1000)
	const n, nearlyAll = 200, 180
	hinted := 0
	var c conntrack.Conn
	for i := range n {
		mustInsert(t, table, record(i, conntrack.TCPEstablished, 60*second))
	}
	for i := range n {
		in := flow(i)
		hint := sought(table, table.HashIn(&in))
		hit := table.HitIn(hint, &in)
		if !table.FindIn(table.HashIn(&in), &in, &c) || hit.Found() != (hint != 0) {
			t.Fatalf("connection %d: hit %v, hint %d", i, hit.Found(), hint)
		}
		addr, port := c.Target()
		if hit.Found() {
			hinted++
		}
		if a, p := hit.Rewrite(); hit.Found() && (a != addr.V4() || p != port || hit.Server() != c.Server() || hit.Method() != c.Method()) {
			t.Fatalf("connection %d: to %x:%d of server %d, want %v:%d of %d", i, a, p, hit.Server(), addr, port, c.Server())
		}
		for name, other := range map[string]packet.Flow{
			"client":      {Src: packet.AddrFrom4(in.Src.V4() ^ 1), Dst: in.Dst, SrcPort: in.SrcPort, DstPort: in.DstPort, Proto: in.Proto},
			"virtual":     {Src: in.Src, Dst: packet.AddrFrom4(in.Dst.V4() ^ 1), SrcPort: in.SrcPort, DstPort: in.DstPort, Proto: in.Proto},
			"client port": {Src: in.Src, Dst: in.Dst, SrcPort: in.SrcPort ^ 1, DstPort: in.DstPort, Proto: in.Proto},
			"port":        {Src: in.Src, Dst: in.Dst, SrcPort: in.SrcPort, DstPort: in.DstPort ^ 1, Proto: in.Proto},
			"protocol":    {Src: in.Src, Dst: in.Dst, SrcPort: in.SrcPort, DstPort: in.DstPort, Proto: packet.ProtoUDP},
		} {
			if table.HitIn(hint, &other).Found() {
				t.Errorf("connection %d: found for another %s", i, name)
			}
		}
		back := packet.Flow{Src: addr, Dst: in.Src, SrcPort: port, DstPort: in.SrcPort, Proto: in.Proto}
		hint = sought(table, table.HashOut(&back))
		out := table.HitOut(hint, &back)
		if out.Found() {
			hinted++
		}
		vip, vport := c.Virtual()
		if a, p := out.Rewrite(); out.Found() != (hint != 0) || out.Found() && (a != vip.V4() || p != vport) {
			t.Fatalf("answer %d: %v, %x:%d, want %v:%d", i, out.Found(), a, p, vip, vport)
		}
		back.SrcPort ^= 1
		if table.HitOut(sought(table, table.HashOut(&back)), &back).Found() {
			t.Errorf("answer %d: found for another port of the server", i)
		}
	}
	if hinted < 2*nearlyAll {
		t.Errorf("%d of %d directions of connections have a hint, want nearly all", hinted, 2*n)
	}
}

// An outdated or invalid hint gives no hit.
func TestHit_OfAConnectionThatEnded(t *testing.T) {
	table := hintTable(t)
	c := mustInsert(t, table, record(1, conntrack.TCPEstablished, 60*second))
	f := flow(1)
	hint := sought(table, table.HashIn(&f))
	var dead [2]conntrack.Conn
	table.Remove(c.Ref(), &dead)
	for name, h := range map[string]conntrack.Hint{"old": hint, "none": 0, "out of range": 5000} {
		if table.HitIn(h, &f).Found() {
			t.Errorf("%s hint: found", name)
		}
	}
}

// If a bucket holds two connections of a client's port, only a comparison with both
// entries shows the right one. Seek gives no hint then.
func TestSeek_GivesNoHintForOneOfTwo(t *testing.T) {
	table := hintTable(t)
	for port := range uint16(2) {
		r := record(1, conntrack.TCPEstablished, 60*second)
		r.VirtualPort += port
		mustInsert(t, table, r)
	}
	f := flow(1)
	if h := sought(table, table.HashIn(&f)); h != 0 {
		t.Errorf("hint %d, want none", h)
	}
}

// Steady renews the deadline if the packet changes nothing else. It leaves all other
// packets to Observe.
func TestSteady_IsForPacketsThatChangeNothing(t *testing.T) {
	timeouts := conntrack.NewTimeouts(900*1e9, 120*1e9, 300*1e9)
	for name, c := range map[string]struct {
		state   conntrack.State
		packets uint32
		flags   conntrack.Flags
		dir     conntrack.Direction
		ev      conntrack.Event
		now     int64
		want    bool
	}{
		"segment":             {conntrack.TCPEstablished, 15, 0, conntrack.In, conntrack.Ack, 5 * second, true},
		"answer":              {conntrack.TCPEstablished, 0, conntrack.Answered, conntrack.Out, conntrack.Ack, 5 * second, true},
		"first answer":        {conntrack.TCPEstablished, 15, conntrack.Assured, conntrack.Out, conntrack.Ack, 5 * second, false},
		"still to be counted": {conntrack.TCPEstablished, 14, 0, conntrack.In, conntrack.Ack, 5 * second, false},
		"another state":       {conntrack.TCPEstablished, 15, 0, conntrack.In, conntrack.Fin, 5 * second, false},
		"a shorter time":      {conntrack.TCPEstablished, 15, 0, conntrack.In, conntrack.Ack, -5 * second, false},
	} {
		t.Run(name, func(t *testing.T) {
			table := hintTable(t)
			r := record(1, c.state, timeouts[c.state])
			r.Packets, r.Flags = c.packets, c.flags
			mustInsert(t, table, r)
			f := flow(1)
			hit := table.HitIn(sought(table, table.HashIn(&f)), &f)
			if got := hit.Steady(c.dir, c.ev, c.now, &conntrack.Normal, &timeouts); got != c.want {
				t.Fatalf("%v, want %v", got, c.want)
			}
			want := timeouts[c.state]
			if c.want {
				want += c.now
			}
			for info := range table.All() {
				if info.Deadline != want {
					t.Errorf("deadline %d, want %d", info.Deadline, want)
				}
			}
		})
	}
}

// An answer assures the template of a connection, unless one of many packets of the client
// has done so, and only Observe does that.
func TestSteady_LeavesTheFirstAnswerOfAChildToObserve(t *testing.T) {
	timeouts := conntrack.NewTimeouts(900*1e9, 120*1e9, 300*1e9)
	table := hintTable(t)
	parent := mustInsert(t, table, templateRecord(1, 300, 0))
	for packets, want := range map[uint32]bool{1: false, 7: false, 8: true, 15: true} {
		r := record(int(packets), conntrack.TCPEstablished, 60*second)
		r.Parent, r.Packets, r.Flags = parent.Ref(), packets, conntrack.Answered
		mustInsert(t, table, r)
		back := answer(int(packets))
		hit := table.HitOut(sought(table, table.HashOut(&back)), &back)
		if got := hit.Steady(conntrack.Out, conntrack.Ack, second, &conntrack.Normal, &timeouts); got != want {
			t.Errorf("answer to a connection of %d packets: %v, want %v", packets, got, want)
		}
		if hit.Steady(conntrack.Out, conntrack.Datagram, second, &conntrack.Normal, &timeouts) {
			t.Errorf("datagram: %d packets are enough", packets)
		}
	}
}

// record describes connection number n in a state, without a parent.
func record(n int, s conntrack.State, deadline int64) *conntrack.Record {
	f := flow(n)
	return &conntrack.Record{Key: conntrack.KeyOf(&f), Target: target(n), State: s, Deadline: deadline}
}
