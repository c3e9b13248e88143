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
			active.Add(int64(table.Observe(&c, conntrack.In, conntrack.Syn, 0, &conntrack.Normal, &timeouts)))
		} else {
			active.Add(1)
		}
		active.Add(int64(table.Observe(&c, conntrack.In, conntrack.Ack, 0, &conntrack.Normal, &timeouts)))
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
				active.Add(int64(table.Observe(&c, conntrack.Out, conntrack.Fin, 0, &conntrack.Normal, &timeouts)))
			}
		}()
		start.Done()
		active.Add(int64(table.Observe(&c, conntrack.In, conntrack.Fin, 0, &conntrack.Normal, &timeouts)))
		done.Wait()
		if !findIn(table, id, &c) || c.State() != conntrack.TCPTimeWait || active.Load() != 0 {
			t.Fatalf("round %d: %v, %d active after the FINs, want TIME_WAIT and 0", round, c.State(), active.Load())
		}
	}
}

// In TestTable_UnderConcurrentUse, workers insert, find, observe and end the same few
// connections. No lookup may return a connection with the target of another one. At the
// end, the sum of the counts of all workers must be right.
func TestTable_UnderConcurrentUse(t *testing.T) {
	const workers, flows = 4, 300
	table := newTable(t, 200) // too small, to test full tables and borrowed entries too
	var total, active atomic.Int64
	var clock atomic.Int64
	var wg sync.WaitGroup
	n := rounds(400_000)
	for id := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(id), 5))
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
						total.Add(-1)
						if victim.State().Active() {
							active.Add(-1)
						}
						fallthrough
					case conntrack.Inserted:
						total.Add(1)
						active.Add(1)
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
					active.Add(int64(table.Observe(&c, conntrack.In, ev, now, &conntrack.Normal, &timeouts)))
				case 3:
					back := answer(k)
					if table.FindOut(table.HashOut(&back), &back, &c) {
						if got := c.Key(); got.Client != back.Dst || got.ClientPort != back.DstPort {
							t.Errorf("the answer of flow %d finds the connection of %+v", k, got)
							return
						}
						active.Add(int64(table.Observe(&c, conntrack.Out, conntrack.Fin, now, &conntrack.Normal, &timeouts)))
					}
				case 4:
					ended, _ := sweeper.Sweep(now, 20, dead)
					for i := range ended {
						total.Add(-1)
						if dead[i].State().Active() {
							active.Add(-1)
						}
					}
				}
			}
		})
	}
	wg.Wait()
	if int(total.Load()) != table.Used() {
		t.Errorf("%d connections counted, %d in the table", total.Load(), table.Used())
	}
	if n := conntrack.Overlooked(table); n != 0 {
		t.Errorf("%d connections end before anybody looks at them", n)
	}
	left, leftActive := 0, int64(0)
	var c conntrack.Conn
	for k := range flows {
		if findIn(table, k, &c) {
			left++
			if c.State().Active() {
				leftActive++
			}
		}
	}
	if left != table.Used() || leftActive != active.Load() {
		t.Errorf("%d found, %d of them active; counted %d and %d", left, leftActive, table.Used(), active.Load())
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
	if by := table.Observe(&old, conntrack.In, conntrack.Fin, 0, &conntrack.Normal, &timeouts); by != 0 {
		t.Errorf("a dead connection reports %d", by)
	}
	if !findIn(table, 2, &c) || c.State() != conntrack.TCPSynRecv {
		t.Errorf("the successor is in %v, want SYN_RECV", c.State())
	}
	if f := flow(1); table.FindIn(table.HashIn(&f), &f, &c) {
		t.Error("the dead connection is still found")
	}
}
