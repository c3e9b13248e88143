package conntrack_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"director/conntrack"
	"director/packet"
)

const second = int64(time.Second)

var timeouts = conntrack.NewTimeouts(900*time.Second, 120*time.Second, 300*time.Second)

var tableSeed = flag.Uint64("conntrack.seed", 0, "what the hash of the tests' tables follows from; 0: something else each time")

// newTable returns a table with a hash of its own, as New does. A test that fails says how
// to get the same hash again.
func newTable(t testing.TB, size int) *conntrack.Table {
	t.Helper()
	seed := *tableSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	random := rand.New(rand.NewPCG(seed, 0))
	table, err := conntrack.NewFrom(size, [3]uint64{random.Uint64(), random.Uint64(), random.Uint64()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		table.Close()
		if t.Failed() {
			t.Logf("the table's hash: -conntrack.seed=%d", seed)
		}
	})
	return table
}

// flow returns the flow of the client's packets of connection number n.
func flow(n int) packet.Flow {
	return packet.Flow{
		Src: packet.AddrFrom4(0xc6330000 + uint32(n>>14)), SrcPort: uint16(1024 + n&0x3fff),
		Dst: packet.MustAddr("192.0.2.10"), DstPort: 80, Proto: packet.ProtoTCP,
	}
}

// target returns the real server of connection number n, which is masqueraded.
func target(n int) conntrack.Target {
	return conntrack.Target{Addr: packet.AddrFrom4(0x0a000000 + uint32(n%250)), Port: 8080, Server: uint32(n % 250)}
}

// answer returns the flow of the real server's packets of connection number n.
func answer(n int) packet.Flow {
	f, to := flow(n), target(n)
	return packet.Flow{Src: to.Addr, SrcPort: to.Port, Dst: f.Src, DstPort: f.SrcPort, Proto: f.Proto}
}

func insert(table *conntrack.Table, n int, now int64, c *conntrack.Conn) conntrack.Outcome {
	f := flow(n)
	return insertFlow(table, &f, target(n), conntrack.TCPSynRecv, now+60*second, c, nil)
}

// insertClosing is like insert, for a connection that a full table does not evict.
func insertClosing(table *conntrack.Table, n int, now int64, c *conntrack.Conn) conntrack.Outcome {
	f := flow(n)
	return insertFlow(table, &f, target(n), conntrack.TCPTimeWait, now+60*second, c, nil)
}

// insertFlow inserts the connection of a client's packet. victim is nil if no eviction is
// expected.
func insertFlow(table *conntrack.Table, f *packet.Flow, to conntrack.Target, s conntrack.State, deadline int64, c, victim *conntrack.Conn) conntrack.Outcome {
	r := conntrack.Record{Key: conntrack.KeyOf(f), Target: to, State: s, Flags: assuredUnlessHalfOpen(s), Deadline: deadline}
	if victim == nil {
		victim = new(conntrack.Conn)
	}
	return table.Insert(table.HashIn(f), &r, c, victim)
}

func assuredUnlessHalfOpen(s conntrack.State) conntrack.Flags {
	if s == conntrack.TCPSynRecv {
		return 0
	}
	return conntrack.Assured
}

func findIn(table *conntrack.Table, n int, c *conntrack.Conn) bool {
	f := flow(n)
	return table.FindIn(table.HashIn(&f), &f, c)
}

// sweepAll expires all connections that are due and returns their number.
func sweepAll(table *conntrack.Table, now int64) int {
	s := table.Sweeper(0, 1)
	dead := make([]conntrack.Conn, 64)
	total := 0
	for done := false; !done; {
		var ended int
		ended, done = s.Sweep(now, 1000, dead)
		total += ended
	}
	return total
}

func TestTable_FindsBothDirections(t *testing.T) {
	table := newTable(t, 1000)
	var c conntrack.Conn
	if got := insert(table, 1, 0, &c); got != conntrack.Inserted {
		t.Fatalf("Insert = %d", got)
	}
	check := func(c *conntrack.Conn) {
		t.Helper()
		f, to := flow(1), target(1)
		if c.Key() != conntrack.KeyOf(&f) {
			t.Errorf("key %+v, want %+v", c.Key(), conntrack.KeyOf(&f))
		}
		if a, p := c.Target(); a != to.Addr || p != to.Port || c.Server() != to.Server {
			t.Errorf("target %v:%d server %d, want %+v", a, p, c.Server(), to)
		}
		if a, p := c.Virtual(); a != f.Dst || p != f.DstPort {
			t.Errorf("virtual %v:%d, want %v:%d", a, p, f.Dst, f.DstPort)
		}
		if c.State() != conntrack.TCPSynRecv {
			t.Errorf("state %v", c.State())
		}
	}
	check(&c)
	c = conntrack.Conn{}
	if !findIn(table, 1, &c) {
		t.Fatal("the client's packet finds nothing")
	}
	check(&c)
	back := answer(1)
	c = conntrack.Conn{}
	if !table.FindOut(table.HashOut(&back), &back, &c) {
		t.Fatal("the answer finds nothing")
	}
	check(&c)
	if got := insert(table, 1, 0, &c); got != conntrack.Existed {
		t.Errorf("second Insert = %d, want Existed", got)
	}
	if table.Used() != 1 {
		t.Errorf("%d connections, want 1", table.Used())
	}
}

func TestTable_TellsNeighbouringFlowsApart(t *testing.T) {
	table := newTable(t, 1000)
	var c conntrack.Conn
	insert(table, 1, 0, &c)
	base := flow(1)
	for name, change := range map[string]func(*packet.Flow){
		"client":       func(f *packet.Flow) { f.Src = packet.MustAddr("198.51.100.99") },
		"client port":  func(f *packet.Flow) { f.SrcPort++ },
		"virtual":      func(f *packet.Flow) { f.Dst = packet.MustAddr("192.0.2.11") },
		"virtual port": func(f *packet.Flow) { f.DstPort++ },
		"protocol":     func(f *packet.Flow) { f.Proto = packet.ProtoUDP },
	} {
		f := base
		change(&f)
		if table.FindIn(table.HashIn(&f), &f, &c) {
			t.Errorf("another %s finds the connection", name)
		}
	}
	back := answer(1)
	back.SrcPort++
	if table.FindOut(table.HashOut(&back), &back, &c) {
		t.Error("an answer from another port finds the connection")
	}
}

// A client port has connections to two virtual services on one real server. The server's
// answer belongs to the younger connection.
func TestTable_AnswersForTheLatestOfTwo(t *testing.T) {
	table := newTable(t, 1000)
	to := target(1)
	for _, vip := range []string{"192.0.2.10", "192.0.2.11", "192.0.2.12"} {
		f := flow(1)
		f.Dst = packet.MustAddr(vip)
		var c conntrack.Conn
		insertFlow(table, &f, to, conntrack.TCPSynRecv, second, &c, nil)
		back := answer(1)
		if !table.FindOut(table.HashOut(&back), &back, &c) {
			t.Fatalf("%s: the answer finds nothing", vip)
		}
		if got, _ := c.Virtual(); got != f.Dst {
			t.Errorf("the answer belongs to %v, want %v", got, f.Dst)
		}
	}
}

func TestTable_HoldsWhatItWasMadeForAndNoMore(t *testing.T) {
	for _, size := range []int{1, 2, 3, 7, 100, 1000, 70_000} {
		table := newTable(t, size)
		var c conntrack.Conn
		for n := range size {
			if got := insertClosing(table, n, 0, &c); got != conntrack.Inserted {
				t.Fatalf("size %d: connection %d: outcome %d", size, n, got)
			}
		}
		if got := insertClosing(table, size, 0, &c); got != conntrack.Full {
			t.Errorf("size %d: one too many: outcome %d, want Full", size, got)
		}
		for n := range size {
			if !findIn(table, n, &c) {
				t.Fatalf("size %d: connection %d is lost", size, n)
			}
		}
		if got := sweepAll(table, 61*second); got != size || table.Used() != 0 {
			t.Errorf("size %d: %d ended, %d left, want all and none", size, got, table.Used())
		}
		for n := range size {
			if got := insertClosing(table, n+size, 0, &c); got != conntrack.Inserted {
				t.Fatalf("size %d: second filling, connection %d: outcome %d", size, n, got)
			}
		}
	}
}

// All connections of one client address and port are in one chain. Their number is
// limited, so that connections of other clients in this chain still find room.
func TestTable_BoundsWhatOneClientPortCanTake(t *testing.T) {
	table := newTable(t, 100_000)
	var c conntrack.Conn
	to := target(1)
	made := 0
	for port := 1; port < 5000; port++ {
		f := flow(0)
		f.DstPort = uint16(port)
		if insertFlow(table, &f, to, conntrack.TCPSynRecv, second, &c, nil) == conntrack.Inserted {
			made++
		}
	}
	if made != 64 {
		t.Errorf("%d connections of one client port, want 64", made)
	}
	for n := 1; n <= 50_000; n++ {
		if insert(table, n, 0, &c) != conntrack.Inserted {
			t.Fatalf("connection %d of other clients finds no room", n)
		}
	}
}

func TestTable_EndsConnectionsAtTheirTime(t *testing.T) {
	table := newTable(t, 1000)
	var c conntrack.Conn
	insert(table, 1, 0, &c)  // until 60 s
	insert(table, 2, 10, &c) // 10 ns longer
	if got := sweepAll(table, 60*second-1); got != 0 {
		t.Errorf("%d expired before their deadline", got)
	}
	if got := sweepAll(table, 60*second); got != 1 || findIn(table, 1, &c) || !findIn(table, 2, &c) {
		t.Errorf("at 60 s %d ended, want connection 1 alone", got)
	}
	// A packet renews the deadline by the state's time-out.
	table.Observe(&c, conntrack.In, conntrack.Ack, 60*second, &conntrack.Normal, &timeouts)
	if got := sweepAll(table, 959*second); got != 0 {
		t.Errorf("%d ended although a packet came at 60 s", got)
	}
	if got := sweepAll(table, 960*second); got != 1 {
		t.Errorf("at 960 s %d ended, want 1", got)
	}
}

func TestObserve_ReportsActiveConnections(t *testing.T) {
	table := newTable(t, 10)
	var c conntrack.Conn
	insert(table, 1, 0, &c)
	for i, step := range []struct {
		dir  conntrack.Direction
		ev   conntrack.Event
		want conntrack.State
		by   int8
	}{
		{conntrack.Out, conntrack.Syn, conntrack.TCPSynRecv, 0},
		{conntrack.In, conntrack.Ack, conntrack.TCPEstablished, 0},
		{conntrack.In, conntrack.Fin, conntrack.TCPCloseWait, -1},
		{conntrack.Out, conntrack.Fin, conntrack.TCPTimeWait, 0},
		{conntrack.In, conntrack.Ack, conntrack.TCPTimeWait, 0},
		{conntrack.In, conntrack.Syn, conntrack.TCPSynRecv, +1},
	} {
		by := table.Observe(&c, step.dir, step.ev, 0, &conntrack.Normal, &timeouts).Active
		if by != step.by || c.State() != step.want {
			t.Errorf("step %d: %v by %d, want %v by %d", i, c.State(), by, step.want, step.by)
		}
		var again conntrack.Conn
		if !findIn(table, 1, &again) || again.State() != step.want {
			t.Errorf("step %d: the table says %v, want %v", i, again.State(), step.want)
		}
	}
}

// TestTable_AgreesWithAMap applies the same random operations to a table and to a Go map.
// The table is small enough to use overflow buckets, to become full and to borrow entries.
func TestTable_AgreesWithAMap(t *testing.T) {
	const size, flows = 700, 1000
	for seed := range uint64(5) {
		table := newTable(t, size)
		r := rand.New(rand.NewPCG(seed, 7))
		model := map[int]int64{} // deadline by connection
		var c conntrack.Conn
		now := int64(0)
		for op := range 60_000 {
			n := r.IntN(flows)
			deadline, exists := model[n]
			switch r.IntN(4) {
			case 0, 1:
				want := conntrack.Inserted
				if exists {
					want = conntrack.Existed
				} else if len(model) == size {
					want = conntrack.Full
				}
				if got := insertClosing(table, n, now, &c); got != want {
					t.Fatalf("seed %d op %d: Insert(%d) = %d, want %d, %d held", seed, op, n, got, want, len(model))
				}
				if want == conntrack.Inserted {
					model[n] = now + 60*second
				}
			case 2:
				if got := findIn(table, n, &c); got != exists {
					t.Fatalf("seed %d op %d: found %d: %v, want %v (deadline %d)", seed, op, n, got, exists, deadline)
				}
				if exists {
					table.Observe(&c, conntrack.In, conntrack.Ack, now, &conntrack.Normal, &timeouts)
					model[n] = now + 120*second
				}
			case 3:
				if r.IntN(50) > 0 {
					break
				}
				now += int64(r.IntN(40)) * second
				want := 0
				for n, d := range model {
					if d <= now {
						delete(model, n)
						want++
					}
				}
				if got := sweepAll(table, now); got != want {
					t.Fatalf("seed %d op %d: %d ended, want %d", seed, op, got, want)
				}
			}
			if table.Used() != len(model) {
				t.Fatalf("seed %d op %d: %d held, want %d", seed, op, table.Used(), len(model))
			}
		}
	}
}

func TestSweeper_SharesAreTheWholeTableOnce(t *testing.T) {
	table := newTable(t, 10_000)
	var c conntrack.Conn
	for n := range 10_000 {
		insert(table, n, 0, &c)
	}
	dead := make([]conntrack.Conn, 7)
	ended := 0
	for worker := range 3 {
		s := table.Sweeper(worker, 3)
		for done := false; !done; {
			var n int
			if n, done = s.Sweep(100*second, 100, dead); n > len(dead) {
				t.Fatalf("one call ended %d, want at most %d", n, len(dead))
			}
			ended += n
		}
	}
	if ended != 10_000 || table.Used() != 0 {
		t.Errorf("%d ended, %d left", ended, table.Used())
	}
}

func TestTable_DoesNotAllocate(t *testing.T) {
	table := newTable(t, 100_000)
	var c conntrack.Conn
	n := 0
	if got := testing.AllocsPerRun(1000, func() {
		insert(table, n%100_000, 0, &c)
		findIn(table, n, &c)
		table.Observe(&c, conntrack.In, conntrack.Ack, 1, &conntrack.Normal, &timeouts)
		n++
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}
