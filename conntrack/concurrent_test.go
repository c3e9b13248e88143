package conntrack_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"director/conntrack"
)

// rounds reduces the number of rounds under the race detector.
func rounds(n int) int {
	if raceEnabled {
		return n / 20
	}
	return n
}

// TestObserve_BothFINsAtOnce makes two workers see the two FINs of a connection at the
// same moment, a million times. In either order, the state becomes TIME_WAIT, and for
// exactly one of the workers Observe returns -1.
func TestObserve_BothFINsAtOnce(t *testing.T) {
	table := newTable(t, 64)
	var active atomic.Int64
	var start, done sync.WaitGroup
	n := rounds(1_000_000)
	for round := range n {
		id := round % 64
		var c conntrack.Conn
		if insert(table, id, 0, &c) == conntrack.Existed {
			// Back from TIME_WAIT to an established connection.
			active.Add(int64(table.Observe(&c, conntrack.In, conntrack.Syn, 0, &conntrack.Normal, &timeouts).Active))
		} else {
			active.Add(1)
		}
		active.Add(int64(table.Observe(&c, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts).Active))
		if c.State() != conntrack.TCPEstablished || active.Load() != 1 {
			t.Fatalf("round %d: %v, %d active before the FINs", round, c.State(), active.Load())
		}
		start.Add(1)
		done.Add(1)
		go func() { // the worker that receives the server's FIN
			defer done.Done()
			back := answer(id)
			var c conntrack.Conn
			found := table.FindOut(table.HashOut(&back), &back, &c)
			start.Wait()
			if found {
				active.Add(int64(table.Observe(&c, conntrack.Out, conntrack.Fin, 0, &conntrack.Normal, &timeouts).Active))
			}
		}()
		start.Done()
		active.Add(int64(table.Observe(&c, conntrack.In, conntrack.Fin, 0, &conntrack.Normal, &timeouts).Active))
		done.Wait()
		if !findIn(table, id, &c) || c.State() != conntrack.TCPTimeWait || active.Load() != 0 {
			t.Fatalf("round %d: %v, %d active after the FINs, want TIME_WAIT and 0", round, c.State(), active.Load())
		}
	}
}

// counts are what a caller of the table's methods counts of its connections.
type counts struct {
	entries, active int64
	crowds          conntrack.Crowds
}

// add counts the connection c n times.
func (s *counts) add(c *conntrack.Conn, n int64) {
	s.entries += n
	if c.State().Active() {
		s.active += n
	}
	s.crowds.Add(c, int32(n))
}

func (s *counts) change(by conntrack.Change) {
	s.active += int64(by.Active)
	s.crowds.Move(by)
}

// In TestTable_UnderConcurrentUse, workers insert, find, observe and end the same few
// connections. No lookup may return a connection with the target of another one. At the
// end, the sum of the counts of all workers must be right.
func TestTable_UnderConcurrentUse(t *testing.T) {
	const workers, flows = 4, 300
	table := newTable(t, 200) // too small, to test full tables and borrowed entries too
	var each [workers]counts
	var clock atomic.Int64
	var wg sync.WaitGroup
	n := rounds(400_000)
	for id := range workers {
		wg.Go(func() {
			counted, r := &each[id], rand.New(rand.NewPCG(uint64(id), 5))
			sweeper := table.Sweeper(id, workers)
			dead := make([]conntrack.Conn, 16)
			var c, victim conntrack.Conn
			for range n {
				k := r.IntN(flows)
				now := clock.Add(second / 100)
				switch r.IntN(5) {
				case 0:
					f := flow(k)
					switch insertFlow(table, &f, target(k), conntrack.TCPSynRecv, now+60*second, &c, &victim) {
					case conntrack.Evicted:
						counted.add(&victim, -1)
						fallthrough
					case conntrack.Inserted:
						counted.add(&c, 1)
					}
				case 1, 2:
					if !findIn(table, k, &c) {
						break
					}
					if a, _ := c.Target(); a != target(k).Addr {
						t.Errorf("flow %d goes to %v, want %v", k, a, target(k).Addr)
						return
					}
					ev := []conntrack.Event{conntrack.Ack, conntrack.Fin, conntrack.Reset, conntrack.Syn}[r.IntN(4)]
					counted.change(table.Observe(&c, conntrack.In, ev, now, &conntrack.Normal, &timeouts))
				case 3:
					back := answer(k)
					if table.FindOut(table.HashOut(&back), &back, &c) {
						if got := c.Key(); got.Client != back.Dst || got.ClientPort != back.DstPort {
							t.Errorf("the answer of flow %d finds the connection of %+v", k, got)
							return
						}
						counted.change(table.Observe(&c, conntrack.Out, conntrack.Fin, now, &conntrack.Normal, &timeouts))
					}
				case 4:
					ended, _ := sweeper.Sweep(now, 20, dead)
					for i := range ended {
						counted.add(&dead[i], -1)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := conntrack.Overlooked(table); n != 0 {
		t.Errorf("%d connections end before anybody looks at them", n)
	}
	var counted, there counts
	for _, w := range each {
		counted.entries += w.entries
		counted.active += w.active
		for i, n := range w.crowds {
			counted.crowds[i] += n
		}
	}
	var c conntrack.Conn
	for k := range flows {
		if findIn(table, k, &c) {
			there.add(&c, 1)
		}
	}
	if counted != there || int(there.entries) != table.Used() {
		t.Errorf("counted %+v, %d in the table; found %+v", counted, table.Used(), there)
	}
}

// A worker with a copy of a removed connection must not change the entry's next
// connection.
func TestObserve_LeavesTheSuccessorAlone(t *testing.T) {
	table := newTable(t, 1)
	var old, c conntrack.Conn
	insert(table, 1, 0, &old)
	sweepAll(table, 100*second)
	insert(table, 2, 0, &c)
	if by := table.Observe(&old, conntrack.In, conntrack.Fin, 0, &conntrack.Normal, &timeouts); by != (conntrack.Change{}) {
		t.Errorf("a dead connection reports %+v", by)
	}
	if !findIn(table, 2, &c) || c.State() != conntrack.TCPSynRecv {
		t.Errorf("the successor is in %v, want SYN_RECV", c.State())
	}
	if f := flow(1); table.FindIn(table.HashIn(&f), &f, &c) {
		t.Error("the dead connection is still found")
	}
}
