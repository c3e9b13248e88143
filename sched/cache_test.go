package sched_test

import (
	"testing"

	"director/packet"
	"director/sched"
)

// to is a flow to destination n.
func to(n int) *packet.Flow {
	return &packet.Flow{Dst: packet.AddrFrom4(0xcb000000 + uint32(n)), DstPort: 80, Proto: packet.ProtoTCP}
}

// place lets a connection to destination n begin, of which nobody has any more
// when the next one comes, and returns the name of its server.
func (v *service) place(t *testing.T, n int, now int64) int {
	t.Helper()
	i, ok := v.Pick(to(n), now, v.list, &v.pos)
	if !ok {
		t.Fatalf("destination %d has no server", n)
	}
	return len(v.list) - i
}

// busy gives server n so many active connections.
func (v *service) busy(n int, active int64) {
	l := v.list[len(v.list)-n].Load
	l.Active.Store(active)
	l.Total.Store(active)
}

func TestLocality_StaysWithADestinationsServer(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		v := newService(t, name, 0, 4, 4)
		if got := v.place(t, 1, 1); got != 2 {
			t.Errorf("%s: the first destination goes to %d, want 2", name, got)
		}
		v.busy(2, 4) // as many as its weight
		for n, want := range map[int]int{1: 2, 2: 1} {
			if got := v.place(t, n, 2); got != want {
				t.Errorf("%s: destination %d goes to %d, want %d", name, n, got, want)
			}
		}
		v.busy(2, 5)
		v.busy(1, 2) // nobody has less than half of its weight
		if got := v.place(t, 1, 3); got != 2 {
			t.Errorf("%s: crowded, but so are the others: goes to %d, want 2", name, got)
		}
		v.busy(1, 1)
		if got := v.place(t, 1, 4); got != 1 {
			t.Errorf("%s: crowded: goes to %d, want 1", name, got)
		}
		v.add(4)
		if got := v.place(t, 1, 5); got != 1 {
			t.Errorf("%s: after a server was added: goes to %d, want 1", name, got)
		}
	}
}

func TestLocality_ForgetsADestinationAfterADay(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		v := newService(t, name, 0, 4, 4)
		const start = 5 * second
		v.place(t, 1, start)
		v.busy(2, 1)
		// Every thirtieth tick, of a minute each, looks for idle destinations. The
		// one after exactly a day does not find it idle for more than that.
		if got := v.place(t, 1, start+day); got != 2 {
			t.Errorf("%s: after a day goes to %d, want 2", name, got)
		}
		if got := v.place(t, 1, start+2*day+1799*second); got != 2 {
			t.Errorf("%s: before the next look goes to %d, want 2", name, got)
		}
		if got := v.place(t, 1, start+3*day+2*1800*second); got != 1 {
			t.Errorf("%s: after the look goes to %d, want 1", name, got)
		}
	}
}

func TestReplicated_LosesTheBusiestMemberAfterADay(t *testing.T) {
	v := newService(t, "lblcr", 0, 4, 4)
	const start = 5 * second
	v.place(t, 1, start) // server 2
	v.busy(2, 5)
	v.place(t, 1, start) // server 1 joins
	v.busy(2, 0)
	v.busy(1, 1)
	if got := v.place(t, 1, start+day); got != 2 {
		t.Errorf("a set of two: goes to %d, want the idler, 2", got)
	}
	v.busy(2, 3)
	v.busy(1, 0)
	pos := v.pos
	if i, _ := v.Pick(to(1), start+day, v.list, &pos); len(v.list)-i != 1 {
		t.Errorf("after exactly a day: would go to %d, want 1, still in the set", len(v.list)-i)
	}
	v.busy(2, 0)
	v.busy(1, 1)
	v.place(t, 1, start+day+1) // server 1 leaves
	v.busy(2, 3)
	v.busy(1, 0)
	if got := v.place(t, 1, start+day+2); got != 2 {
		t.Errorf("a set of one: goes to %d, want 2", got)
	}
}

// TestReplicated_ForgetsWhoLeftLongAgo gives a destination one server after the
// other. The first one, when it comes back, is known to the set or not.
func TestReplicated_ForgetsWhoLeftLongAgo(t *testing.T) {
	for gone, want := range map[int]int{1: 2, 16: 2, 18: 1, 100: 1} {
		v := newService(t, "lblcr", 0, 4)
		first := v.list[0]
		v.place(t, 1, 1)
		for range gone {
			v.busy(1, 5) // crowded, so that the next one joins
			v.add(4)
			v.place(t, 1, 1)
			v.remove(1)
		}
		first.Load.Active.Store(0)
		first.Load.Total.Store(0)
		v.list = append(sched.Servers{first}, v.list...)
		v.Added(v.list, &v.pos)
		v.busy(1, 1)
		if got := v.place(t, 1, 1); got != want {
			t.Errorf("after %d others: goes to %d, want %d", gone, got, want)
		}
	}
}

// TestLocality_RemembersAsMuchAsTheKernel fills the cache. A destination is
// remembered when it stays with server 2 although 1 has become idler.
func TestLocality_RemembersAsMuchAsTheKernel(t *testing.T) {
	const limit = 24577 // no entry is added above 24576
	for _, name := range []string{"lblc", "lblcr"} {
		v := newService(t, name, 0, 1_000_000, 1_000_000)
		remembered := func(now int64) (n int) {
			v.busy(2, 1)
			defer v.busy(2, 0)
			for d := range limit + 1000 {
				pos := v.pos // to ask without a trace
				if i, _ := v.Pick(to(d), now, v.list, &pos); len(v.list)-i == 2 {
					n++
				}
			}
			return n
		}
		for d := range limit + 1000 {
			v.place(t, d, second)
		}
		if got := remembered(second); got != limit {
			t.Errorf("%s: remembers %d of %d destinations, want %d", name, got, limit+1000, limit)
		}
		// Above 16384 entries each tick removes those idle for six minutes, chain by
		// chain: four thirds of the excess, at most 8192. Destination 0 is in use.
		var chains [1024]int
		for d := range limit {
			chains[sched.Hash32(to(d).Dst, 0, 10)]++
		}
		busy := sched.Hash32(to(0).Dst, 0, 10)
		left, chain := limit, uint32(0)
		for tick := int64(1); tick <= 12; tick++ {
			v.place(t, 0, second+tick*60*second)
			if tick > 6 && left > 16384 {
				for goal := min((left-16384)*4/3, 8192); goal > 0; {
					chain = (chain + 1) % 1024
					idle := chains[chain]
					if chain == busy {
						idle--
					}
					chains[chain] -= idle
					goal -= idle
					left -= idle
				}
			}
			if tick < 6 || tick > 9 {
				continue
			}
			if got := remembered(second + tick*60*second); got != left {
				t.Fatalf("%s: after %d minutes remembers %d, want %d", name, tick, got, left)
			}
		}
	}
}
