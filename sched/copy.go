package sched

import "slices"

// Twins are copies of loads. Each load has one copy, so all references to a load become
// references to the same copy. The caller of Of holds the lock of the service.
type Twins map[*Load]*Load

// Of returns the copy of a load, and makes it at the first call.
func (t Twins) Of(l *Load) *Load {
	c := t[l]
	if c == nil {
		c = &Load{place: l.place, weight: l.weight}
		c.Active.Store(l.Active.Load())
		c.Total.Store(l.Total.Load())
		c.Overloaded.Store(l.Overloaded.Load())
		c.Skipped.Store(l.Skipped.Load())
		t[l] = c
	}
	return c
}

// keeper is a scheduler with more state than its position.
type keeper interface {
	copy(twins Twins, home *Position) Scheduler
}

// Copy returns an independent scheduler that picks as s would. The loads of its servers
// are the twins of the loads that s knows. home is the copy of the position of s. A pick
// with it does not change s.
func Copy(s Scheduler, twins Twins, home *Position) Scheduler {
	if k, ok := s.(keeper); ok {
		return k.copy(twins, home)
	}
	return s // it depends on the arguments of Pick alone
}

func (s *sourceHash) copy(Twins, *Position) Scheduler {
	c := *s
	return &c
}

// copy copies no slots: the first pick assigns them from the list.
func (m *maglev) copy(Twins, *Position) Scheduler { return &maglev{flags: m.flags, stale: true} }

func (l *localityLeastConnection) copy(twins Twins, home *Position) Scheduler {
	c := &localityLeastConnection{expiry: l.expiry, home: home}
	copyCache(&c.cache, &l.cache, twins.Of)
	return c
}

func (l *localityReplicated) copy(twins Twins, home *Position) Scheduler {
	c := &localityReplicated{expiry: l.expiry, home: home}
	copyCache(&c.cache, &l.cache, func(s serverSet) serverSet {
		set := serverSet{slices.Clone(s.members), s.changed}
		for i, m := range set.members {
			set.members[i] = twins.Of(m)
		}
		return set
	})
	return c
}

// copyCache makes to a copy of from and translates the values. Entries without a
// destination have no value.
func copyCache[V any](to, from *cache[V], value func(V) V) {
	*to = *from
	to.entries = slices.Clone(from.entries)
	for i := range to.entries {
		if e := &to.entries[i]; !e.addr.IsZero() {
			e.value = value(e.value)
		}
	}
}
