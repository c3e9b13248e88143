package conntrack_test

import (
	"testing"

	"director/conntrack"
	"director/packet"
)

// datagrams returns the record of a UDP flow whose client sent n packets, the last at
// time now.
func datagrams(at int, n uint32, flags conntrack.Flags, made, now int64) *conntrack.Record {
	r := unassured(childRecord(at, nil, made), conntrack.UDP)
	r.Proto, r.Packets, r.Flags, r.Deadline = packet.ProtoUDP, n, flags, now+300*second
	return r
}

// evicted inserts connection n into a full table and returns the number of the victim's
// connection.
func evicted(t *testing.T, table *conntrack.Table, n int, server uint32) int {
	t.Helper()
	r := childRecord(n, nil, 1000*second)
	r.Server = server
	return evictedFor(t, table, r, n)
}

// evictedFor inserts a connection into a full table and returns the number of the victim's
// connection, which is less than n, or -1 if there is no room.
func evictedFor(t *testing.T, table *conntrack.Table, r *conntrack.Record, n int) int {
	t.Helper()
	var c, victim conntrack.Conn
	switch got := table.Insert(hashOf(table, r), r, &c, &victim); got {
	case conntrack.Evicted:
	case conntrack.Full:
		return -1
	default:
		t.Fatalf("connection %d: outcome %d", n, got)
	}
	for old := range n {
		if f := flow(old); conntrack.KeyOf(&f).Client == victim.Key().Client && f.SrcPort == victim.Key().ClientPort {
			return old
		}
	}
	t.Fatalf("victim %+v", victim.Key())
	return 0
}

// Flows of one packet go first, the oldest of them before the others. Then those of several
// packets, and those of many. Of these, the ones that were silent for the longest time go
// first.
func TestVictim_OfDatagramFlowsByTheirPackets(t *testing.T) {
	records := []*conntrack.Record{
		datagrams(0, 15, 0, 1, 90*second),
		datagrams(1, 2, conntrack.Answered, 2, 50*second),
		datagrams(2, 1, 0, 3, 80*second),
		datagrams(3, 3, 0, 4, 20*second),
		datagrams(4, 3, 0, 5, 10*second),
		datagrams(5, 1, 0, 6, 70*second),
		datagrams(6, 1, conntrack.Answered, 7, 60*second),
		datagrams(7, 15, 0, 8, 30*second),
		datagrams(8, 15, conntrack.Answered|conntrack.Assured, 9, 0),
	}
	table := seededTable(t, len(records))
	for _, r := range records {
		mustInsert(t, table, r)
	}
	for i, want := range []int{2, 5, 6, 4, 3, 1, 7, 0, -1} {
		if got := evicted(t, table, 100+i, 0); got != want {
			t.Errorf("eviction %d takes flow %d, want %d", i, got, want)
		}
	}
}

// A flow that becomes a worse candidate after the search has found it is not evicted
// before better ones.
func TestVictim_IsWhatItWasWhenItWasFound(t *testing.T) {
	table := seededTable(t, 4)
	var flows []conntrack.Conn
	for n := range 4 {
		flows = append(flows, mustInsert(t, table, datagrams(n, 1, 0, int64(n), 0)))
	}
	if got := evicted(t, table, 10, 0); got != 0 { // the search finds all four
		t.Fatalf("flow %d is evicted, want the oldest", got)
	}
	table.Observe(&flows[1], conntrack.InOnly, conntrack.Datagram, second, &conntrack.Normal, &timeouts)
	for i, want := range []int{2, 3, 1, -1} {
		if got := evicted(t, table, 20+i, 0); got != want {
			t.Errorf("eviction %d takes flow %d, want %d", i, got, want)
		}
	}
}

// What assures a connection, packet by packet.
func TestAssured_ByWhatIsSeenOfTheConnection(t *testing.T) {
	many := func(ev conntrack.Event, n int) (events []conntrack.Event) {
		for range n {
			events = append(events, ev)
		}
		return events
	}
	type side struct {
		dir    conntrack.Direction
		events []conntrack.Event
	}
	in, out, past := conntrack.In, conntrack.Out, conntrack.InOnly
	for name, c := range map[string]struct {
		state conntrack.State
		seen  []side
		want  bool
	}{
		"a SYN that is answered":              {conntrack.TCPSynRecv, []side{{out, many(conntrack.Syn, 3)}, {in, many(conntrack.Syn, 20)}}, false},
		"a handshake":                         {conntrack.TCPSynRecv, []side{{out, many(conntrack.Syn, 1)}, {in, many(conntrack.Ack, 1)}}, true},
		"a handshake without an answer":       {conntrack.TCPSynRecv, []side{{in, many(conntrack.Ack, 1)}}, false},
		"an answer after the handshake":       {conntrack.TCPSynRecv, []side{{in, many(conntrack.Ack, 1)}, {out, many(conntrack.Syn, 3)}}, false},
		"a segment after that":                {conntrack.TCPSynRecv, []side{{in, many(conntrack.Ack, 1)}, {out, []conntrack.Event{conntrack.Syn, conntrack.Ack}}}, true},
		"a handshake that is reset":           {conntrack.TCPSynRecv, []side{{out, many(conntrack.Syn, 1)}, {in, many(conntrack.Ack, 1)}, {out, many(conntrack.Reset, 1)}}, false},
		"a handshake, half seen":              {conntrack.TCPSynRecv, []side{{past, many(conntrack.Ack, 1)}}, false},
		"seven packets, half seen":            {conntrack.TCPSynRecv, []side{{past, many(conntrack.Ack, 6)}}, false},
		"eight packets, half seen":            {conntrack.TCPSynRecv, []side{{past, many(conntrack.Ack, 7)}}, true},
		"a connection that ends":              {conntrack.TCPSynRecv, []side{{out, many(conntrack.Syn, 1)}, {in, []conntrack.Event{conntrack.Ack, conntrack.Fin}}, {out, many(conntrack.Fin, 1)}}, true},
		"a SYN and a FIN":                     {conntrack.TCPSynRecv, []side{{in, many(conntrack.Fin, 1)}}, false},
		"the middle of a connection":          {conntrack.TCPEstablished, []side{{in, many(conntrack.Ack, 6)}}, false},
		"the middle of a long one":            {conntrack.TCPEstablished, []side{{past, many(conntrack.Ack, 7)}}, true},
		"the middle, answered":                {conntrack.TCPEstablished, []side{{out, many(conntrack.Ack, 1)}}, true},
		"datagrams":                           {conntrack.UDP, []side{{in, many(conntrack.Datagram, 30)}}, false},
		"datagrams that are answered past":    {conntrack.UDP, []side{{past, many(conntrack.Datagram, 30)}}, false},
		"one answered query":                  {conntrack.UDP, []side{{out, many(conntrack.Datagram, 30)}}, false},
		"seven answered queries":              {conntrack.UDP, []side{{out, many(conntrack.Datagram, 1)}, {in, many(conntrack.Datagram, 6)}}, false},
		"eight answered queries":              {conntrack.UDP, []side{{out, many(conntrack.Datagram, 1)}, {in, many(conntrack.Datagram, 7)}}, true},
		"eight queries, the last answered":    {conntrack.UDP, []side{{in, many(conntrack.Datagram, 7)}, {out, many(conntrack.Datagram, 1)}}, true},
		"an INIT that is answered":            {conntrack.SCTPInit1, []side{{out, many(conntrack.ChunkInitAck, 1)}, {in, many(conntrack.ChunkCookieEcho, 1)}}, false},
		"an association":                      {conntrack.SCTPInit1, []side{{out, many(conntrack.ChunkInitAck, 1)}, {in, many(conntrack.ChunkCookieEcho, 1)}, {out, many(conntrack.ChunkCookieAck, 1)}}, true},
		"an association that is over at once": {conntrack.SCTPInit1, []side{{in, many(conntrack.ChunkAbort, 1)}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			table := seededTable(t, 2)
			conn := mustInsert(t, table, unassured(childRecord(1, nil, 0), c.state))
			var counted counts
			counted.add(&conn, 1)
			for _, s := range c.seen {
				for _, ev := range s.events {
					counted.change(table.Observe(&conn, s.dir, ev, 0, &conntrack.Normal, &timeouts))
				}
			}
			r, _ := table.Get(conn.Ref())
			if got := r.Flags&conntrack.Assured != 0; got != c.want {
				t.Errorf("assured %v in state %v, want %v", got, r.State, c.want)
			}
			var want conntrack.Crowds
			var copied conntrack.Conn
			conntrack.Imagine(&r, &copied)
			want.Add(&copied, 1)
			if got := counted.crowds; got != want {
				t.Errorf("counted %v, want %v", got, want)
			}
		})
	}
}

// opens lets the server of a half-open connection answer, and then its client.
func opens(table *conntrack.Table, c *conntrack.Conn) {
	table.Observe(c, conntrack.Out, conntrack.Syn, 0, &conntrack.Normal, &timeouts)
	table.Observe(c, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts)
}

// shared is a table of several services. The server numbers are those of the services.
func shared(t *testing.T, size int) (table *conntrack.Table, counters *[4]conntrack.Unassured) {
	t.Helper()
	table, counters = seededTable(t, size), new([4]conntrack.Unassured)
	table.Share(func(server uint32) *conntrack.Unassured { return &counters[server] })
	return table, counters
}

// A service with few connections to evict takes the room of one with many, but not the
// other way round.
func TestShare_NoServiceTakesTheRoomOfASmallerOne(t *testing.T) {
	table, counters := shared(t, 80)
	of := func(n int, server uint32) *conntrack.Record {
		r := halfOpenRecord(n, nil, int64(n))
		r.Server = server
		return r
	}
	for n := range 4 {
		mustInsert(t, table, of(n, 1)) // the oldest ones
	}
	for n := 4; n < 80; n++ {
		mustInsert(t, table, of(n, 2))
	}
	counters[1][0].Store(4)
	counters[2][0].Store(76)
	// The large service evicts its own, and so does everybody else.
	for i, server := range []uint32{2, 1, 3, 2} {
		if got := evicted(t, table, 100+i, server); got != 4+i {
			t.Errorf("service %d evicts connection %d, want %d", server, got, 4+i)
		}
	}
	// When the large one has none of its own left, it gets no room.
	for n := 8; n < 80; n++ {
		c := conntrack.Conn{}
		if !findIn(table, n, &c) {
			t.Fatalf("connection %d is gone", n)
		}
		opens(table, &c)
	}
	counters[2][0].Store(33) // as if the others were elsewhere
	if got := evicted(t, table, 200, 2); got != -1 {
		t.Errorf("the large service evicts connection %d of the small one", got)
	}
	if got := evicted(t, table, 201, 3); got != 0 {
		t.Errorf("a new service evicts connection %d, want the oldest of the small one", got)
	}
}

// Connections that look established but are not assured yield only if they flood the table,
// and then not to the service that is flooded. If the director would have seen an answer,
// they yield to every service.
func TestShare_AFloodOfEstablishedConnectionsYieldsToOtherServices(t *testing.T) {
	const direct, masqueraded = 1, 0
	for name, c := range map[string]struct {
		size    int
		method  uint8
		packets uint32 // of the clients of service 2
		by      uint32 // the service of the new connection
		want    int
	}{
		"another service":                      {200, direct, 2, 1, 199},
		"another service, several packets":     {200, direct, 7, 1, 199},
		"the flooded service":                  {200, direct, 2, 2, -1},
		"the flooded service by NAT":           {200, masqueraded, 2, 2, 199},
		"another service by NAT":               {200, masqueraded, 2, 1, 199},
		"a service that is flooded too":        {200, direct, 2, 3, -1},
		"another service, but they are few":    {60, direct, 2, 1, -1},
		"the same by NAT":                      {60, masqueraded, 2, 1, -1},
		"connections of one packet each":       {200, direct, 1, 2, 0},
		"a few of one packet each, and by NAT": {60, masqueraded, 1, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			table, counters := shared(t, c.size)
			var crowds conntrack.Crowds
			for n := range c.size {
				r := unassured(childRecord(n, nil, int64(n)), conntrack.TCPEstablished)
				r.Server, r.Method, r.Packets = 2, c.method, c.packets
				r.Deadline = 900*second - int64(n) // the youngest was silent for the longest time
				conn := mustInsert(t, table, r)
				crowds.Add(&conn, 1)
			}
			for i, n := range crowds {
				counters[2][i].Store(int64(n))
				counters[3][i].Store(int64(n) * 3 / 4)
			}
			r := unassured(childRecord(1000, nil, 10*second), conntrack.TCPSynRecv)
			r.Server, r.Method = c.by, c.method
			if got := evictedFor(t, table, r, 1000); got != c.want {
				t.Errorf("connection %d is evicted, want %d", got, c.want)
			}
		})
	}
}

// A TCP connection without NAT can be forwarded without an entry, so it does not take the
// room of a client that began less than a second ago.
func TestShare_TheYoungAreSparedForThoseWithoutNeed(t *testing.T) {
	for name, c := range map[string]struct {
		method uint8
		proto  uint8
		after  int64
		want   int
	}{
		"at once":            {1, packet.ProtoTCP, second - 1, -1},
		"a second later":     {1, packet.ProtoTCP, second, 0},
		"masqueraded":        {0, packet.ProtoTCP, 0, 0},
		"UDP needs an entry": {1, packet.ProtoUDP, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			table := seededTable(t, 10)
			for n := range 10 {
				mustInsert(t, table, halfOpenRecord(n, nil, 5*second+int64(n)*second/100))
			}
			r := unassured(childRecord(1000, nil, 5*second+c.after), conntrack.TCPSynRecv)
			r.Method, r.Proto = c.method, c.proto
			if got := evictedFor(t, table, r, 1000); got != c.want {
				t.Errorf("connection %d is evicted, want %d", got, c.want)
			}
		})
	}
}

// What the table tells its callers, and what it counts itself, follows templates and
// connections through every end.
func TestShare_CountsWhatIsNotAssured(t *testing.T) {
	table, counters := shared(t, 100)
	var counted counts
	expect := func(what string, want int64) {
		t.Helper()
		got := int64(0)
		for i, n := range counted.crowds {
			got += int64(n) + counters[1][i].Load()
		}
		if got != want {
			t.Errorf("%s: %d are counted, want %d", what, got, want)
		}
	}
	insert := func(r *conntrack.Record) conntrack.Conn {
		t.Helper()
		r.Server = 1
		c := mustInsert(t, table, r)
		counted.add(&c, 1)
		return c
	}
	var dead [2]conntrack.Conn
	remove := func(c *conntrack.Conn) {
		for i := range table.Remove(c.Ref(), &dead) {
			counted.add(&dead[i], -1)
		}
	}
	template := insert(templateRecord(1, 10, 0))
	first := insert(halfOpenRecord(1, &template, 0))
	insert(childRecord(2, nil, 0))
	expect("a template and its connection", 2)
	c := first
	counted.change(table.Observe(&c, conntrack.Out, conntrack.Syn, 0, &conntrack.Normal, &timeouts))
	expect("the server has answered the SYN", 2)
	counted.change(table.Observe(&c, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts))
	expect("the connection is assured", 1)
	counted.change(table.Observe(&c, conntrack.Out, conntrack.Ack, 0, &conntrack.Normal, &timeouts))
	expect("both are assured", 0)
	expiring := insert(halfOpenRecord(3, nil, 0))
	removed := insert(halfOpenRecord(4, nil, 0))
	expect("two half-open ones", 2)
	remove(&removed)
	expect("one is removed", 1)
	remove(&first)
	expect("an assured one is removed", 1)
	table.Vouch(&template)
	expect("an assured template stays so", 1)
	sweeper, ended := table.Sweeper(0, 1), make([]conntrack.Conn, 100)
	n, _ := sweeper.Sweep(deadlineOf(t, table, &expiring)+1, 1000, ended)
	for i := range n {
		counted.add(&ended[i], -1)
	}
	expect("the rest has expired", 0)
	if used := table.Used(); used != 0 {
		t.Errorf("%d connections are left", used)
	}
}
