package conntrack

import (
	"cmp"
	"slices"
)

// agenda lists the entries that may expire before until.
type agenda struct {
	entries []appointment // by deadline
	until   int64
	soonest int64
}

// appointment is an entry and the deadline it had when it was listed.
type appointment struct {
	deadline int64
	index    uint32
}

// Due expires the connections of the worker's share whose deadline is not after now,
// the earliest first, and copies them to dead. It returns their number. If that is
// len(dead), there may be more.
//
// Due replaces Sweep where the clock is simulated and a connection must expire exactly
// at its deadline. soonest is the shortest time-out that a packet can give a connection.
// Due searches the share once per soonest and lists the entries that may become due in
// that time. No other entry can become due before the next search.
func (s *Sweeper) Due(now, soonest int64, dead []Conn) (ended int) {
	a := &s.agenda
	if now >= a.until || soonest != a.soonest {
		s.list(now + soonest)
		a.soonest = soonest
	}
	for len(a.entries) > 0 && a.entries[0].deadline <= now && ended < len(dead) {
		if s.table.expire(a.entries[0].index, now, &dead[ended]) {
			ended++
		}
		a.entries = a.entries[1:]
	}
	return ended
}

// list makes a new agenda that reaches to until.
func (s *Sweeper) list(until int64) {
	a := &s.agenda
	a.entries, a.until = nil, until
	for _, sh := range s.shards {
		for i := sh.first; i < sh.fresh.Load(); i++ {
			e := &s.table.entries[i]
			if deadline := e.deadline.Load(); e.state.Load()&liveBit != 0 && deadline < until {
				a.entries = append(a.entries, appointment{deadline, i})
			}
		}
	}
	slices.SortFunc(a.entries, func(x, y appointment) int {
		return cmp.Or(cmp.Compare(x.deadline, y.deadline), cmp.Compare(x.index, y.index))
	})
}
