package conntrack

import (
	"cmp"
	"slices"
)

// agenda lists the entries whose time may come before until.
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

// Due ends those connections of the worker's share whose deadline is not after
// now, the earliest first, and copies them to dead. It returns how many; if
// that is len(dead) there may be more.
//
// It is Sweep for a clock that is not real, where a connection ends exactly at
// its time: the share is looked through only once in soonest, the shortest
// time-out that a packet can give a connection. Until then no entry can become
// due but those that were listed.
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

// list makes the agenda until that time.
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
