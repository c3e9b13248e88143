package conntrack_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"director/conntrack"
	"director/packet"
)

// round sweeps a whole share and returns how many connections expired.
func round(s *conntrack.Sweeper, now int64) (ended int) {
	dead := make([]conntrack.Conn, 64)
	for done := false; !done; {
		var n int
		n, done = s.Sweep(now, 1024, dead)
		ended += n
	}
	return ended
}

// udp returns time-outs with the given one for UDP.
func udp(life int64) *conntrack.Timeouts { return &conntrack.Timeouts{conntrack.UDP: life} }

// mustOpen inserts connection number n, of UDP, with a deadline.
func mustOpen(t *testing.T, table *conntrack.Table, n int, deadline int64) (c conntrack.Conn) {
	t.Helper()
	f := flow(n)
	f.Proto = packet.ProtoUDP
	if got := insertFlow(table, &f, target(n), conntrack.UDP, deadline, &c, nil); got != conntrack.Inserted {
		t.Fatalf("Insert = %d, want Inserted", got)
	}
	return c
}

// A round costs 1 per chunk, if an earlier round has read the entries.
func TestSweeper_PassesOverWhatIsNotDue(t *testing.T) {
	const chunks = 100
	table := seededTable(t, chunks*conntrack.Chunk)
	for n := range chunks * conntrack.Chunk {
		mustOpen(t, table, n, 900*second)
	}
	s := table.Sweeper(0, 1)
	dead := make([]conntrack.Conn, 1)
	if _, done := s.Sweep(0, chunks*conntrack.Chunk, dead); done {
		t.Error("the first round did not read all entries")
	}
	round(s, 0)
	if _, done := s.Sweep(second, chunks-1, dead); done {
		t.Error("the second round did not pass over all chunks")
	}
	if _, done := s.Sweep(second, 1, dead); !done {
		t.Error("the second round read entries of which none was due")
	}
	if got := round(s, 900*second); got != table.Size() {
		t.Errorf("%d ended when it was time, want %d", got, table.Size())
	}
}

// A sweeper has read all entries, and then a deadline becomes earlier. The connection
// expires at the new deadline, and not before.
func TestSweeper_LooksAgainWhereADeadlineMovesBack(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, table *conntrack.Table, c *conntrack.Conn)
		life   int64 // after the change
	}{
		"a packet in a state with a shorter time-out": {func(_ *testing.T, table *conntrack.Table, c *conntrack.Conn) {
			table.Observe(c, conntrack.In, conntrack.Reset, 100*second, &conntrack.Normal, &timeouts)
		}, 10 * second},
		"a packet after the time-out was made shorter": {func(_ *testing.T, table *conntrack.Table, c *conntrack.Conn) {
			shorter := conntrack.NewTimeouts(time.Second, time.Second, time.Second)
			table.Observe(c, conntrack.In, conntrack.Ack, 100*second, &conntrack.Normal, &shorter)
		}, second},
		"a helper's word that it begins again": {func(_ *testing.T, table *conntrack.Table, c *conntrack.Conn) {
			table.Listen(c, 102*second)
		}, 2 * second},
		"a template's renewal": {func(t *testing.T, table *conntrack.Table, c *conntrack.Conn) {
			r := templateRecord(7, 3, 0)
			r.Deadline = 900 * second
			template := mustInsert(t, table, r)
			round(table.Sweeper(0, 1), 100*second)
			table.Renew(&template, 100*second)
		}, 3 * second},
		"another connection in its place": {func(t *testing.T, table *conntrack.Table, c *conntrack.Conn) {
			var dead [2]conntrack.Conn
			table.Remove(c.Ref(), &dead)
			if other := mustOpen(t, table, 7, 104*second); uint32(other.Ref()) != uint32(c.Ref()) {
				t.Fatal("the new connection has another entry")
			}
		}, 4 * second},
		"another connection beside it": {func(t *testing.T, table *conntrack.Table, _ *conntrack.Conn) {
			mustOpen(t, table, 7, 105*second)
		}, 5 * second},
	} {
		t.Run(name, func(t *testing.T) {
			table := seededTable(t, 1000)
			f := flow(1)
			var conn conntrack.Conn
			insertFlow(table, &f, target(1), conntrack.TCPEstablished, 900*second, &conn, nil)
			s := table.Sweeper(0, 1)
			round(s, 0)
			c.change(t, table, &conn)
			for _, at := range []struct {
				now  int64
				want int
			}{{100*second + c.life - 1, 0}, {100*second + c.life, 1}} {
				if got := round(s, at.now); got != at.want {
					t.Errorf("%v after the change %d ended, want %d", time.Duration(at.now-100*second), got, at.want)
				}
			}
		})
	}
}

// Deadlines change at random, and each share is swept in small steps. No connection
// expires before its deadline. A round expires all connections that were due when it
// began.
func TestSweeper_AgreesWithAModelOfRounds(t *testing.T) {
	const size, flows, shares = 700, 1000, 3
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 13))
		table := newTable(t, size)
		model := map[conntrack.Key]int64{} // deadlines
		var sweepers [shares]*conntrack.Sweeper
		var began, swept [shares]int64 // start of the current round, -1: none; start of the last one
		for i := range sweepers {
			sweepers[i], began[i] = table.Sweeper(i, shares), -1
		}
		now, ended := int64(0), 0
		for op := range 60_000 {
			now += r.Int64N(second / 20)
			if i := r.IntN(shares + 2); i < shares {
				if began[i] < 0 {
					began[i] = now
				}
				dead := make([]conntrack.Conn, 1+r.IntN(8))
				n, done := sweepers[i].Sweep(now, 1+r.IntN(60), dead)
				for _, c := range dead[:n] {
					deadline, exists := model[c.Key()]
					if !exists || deadline > now {
						t.Fatalf("seed %d op %d: %+v ended at %d, want it at %d (there: %v)", seed, op, c.Key(), now, deadline, exists)
					}
					delete(model, c.Key())
				}
				ended += n
				if done {
					began[i], swept[i] = -1, began[i]
				}
				for k, deadline := range model {
					if deadline <= min(swept[0], swept[1], swept[2]) {
						t.Fatalf("seed %d op %d: at %d rounds since %v are done, and %+v of %d is still there", seed, op, now, swept, k, deadline)
					}
				}
				continue
			}
			f := flow(r.IntN(flows))
			f.Proto = packet.ProtoUDP
			life := second + r.Int64N(20*second)
			var c conntrack.Conn
			if table.FindIn(table.HashIn(&f), &f, &c) {
				table.Observe(&c, conntrack.In, conntrack.Datagram, now, &conntrack.Normal, udp(life))
			} else if insertFlow(table, &f, target(1), conntrack.UDP, now+life, &c, nil) != conntrack.Inserted {
				continue
			}
			model[conntrack.KeyOf(&f)] = now + life
		}
		if table.Used() != len(model) || ended < 1000 {
			t.Errorf("seed %d: %d are left, want %d; %d ended", seed, table.Used(), len(model), ended)
		}
	}
}

// One worker makes a deadline later and sweeps its chunk, while another makes the deadline
// earlier. In any order, the chunk must not be due after the deadline.
func TestSweeper_MissesNoDeadlineThatMovesMeanwhile(t *testing.T) {
	table := seededTable(t, conntrack.Chunk)
	conn := mustOpen(t, table, 0, 900*second)
	observe := func(life int64) {
		c := conn
		table.Observe(&c, conntrack.In, conntrack.Datagram, 0, &conntrack.Normal, udp(life))
	}
	n := int64(rounds(300_000))
	var begun, done atomic.Int64
	await := func(a *atomic.Int64, round int64) {
		for a.Load() < round {
			runtime.Gosched()
		}
	}
	var other sync.WaitGroup
	other.Go(func() {
		for round := int64(1); round <= n; round++ {
			await(&begun, round)
			observe(20 * second)
			done.Store(round)
		}
	})
	s := table.Sweeper(0, 1)
	dead := make([]conntrack.Conn, 2)
	missed := 0
	for round := int64(1); round <= n; round++ {
		observe(10 * second)
		mustOpen(t, table, 1, 0) // makes the chunk due
		begun.Store(round)
		for range round % 64 { // varies where the two workers meet
			done.Load()
		}
		observe(30 * second)
		s.Sweep(0, 100, dead)
		await(&done, round)
		missed += conntrack.Overlooked(table)
	}
	other.Wait()
	if missed > 0 {
		t.Errorf("in %d of %d rounds the connection ends before its chunk is looked at", missed, n)
	}
}

// BenchmarkSweeper_Round measures a round over a million connections that are not due:
// when no chunk is due, and when all chunks are due, so that all entries are read.
func BenchmarkSweeper_Round(b *testing.B) {
	const flows = 1 << 20
	table := newTable(b, flows)
	var c conntrack.Conn
	for n := range flows {
		insert(table, n, 0, &c)
	}
	s := table.Sweeper(0, 1)
	for name, prepare := range map[string]func(*conntrack.Table){
		"passed": func(*conntrack.Table) {}, "read": conntrack.Doubt,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				prepare(table)
				if round(s, 0) != 0 {
					b.Fatal("a connection ended")
				}
			}
		})
	}
}
