package sched

import "slices"

// Twins are copies of loads, each made once, so that what refers to one load
// refers to one copy. Whoever makes one holds the lock of its service.
type Twins map[*Load]*Load

// Of returns the copy of a load.
func (t Twins) Of(l *Load) *Load {
	c := t[l]
	if c == nil {
		c = &Load{place: l.place, weight: l.weight}
		c.Active.Store(l.Active.Load())
		c.Total.Store(l.Total.Load())
		c.Overloaded.Store(l.Overloaded.Load())
		t[l] = c
	}
	return c
}

// keeper is a scheduler that keeps something beside its position.
type keeper interface {
	copy(twins Twins, home *Position) Scheduler
}

// Copy returns a scheduler that picks as s would, among servers whose loads are
// the twins of those that s knows, and from then on goes its own way. home is the
// copy of the position of s: a pick with it changes nothing of s.
func Copy(s Scheduler, twins Twins, home *Position) Scheduler {
	if k, ok := s.(keeper); ok {
		return k.copy(twins, home)
	}
	return s // it follows from its arguments
}

func (s *sourceHash) copy(Twins, *Position) Scheduler {
	c := *s
	return &c
}

// copy deals out the slots anew when it is first asked: they follow from the list.
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

// copyCache makes to a copy of from, whose values it has translated. Entries
// without a destination have no value to translate.
func copyCache[V any](to, from *cache[V], value func(V) V) {
	*to = *from
	to.entries = slices.Clone(from.entries)
	for i := range to.entries {
		if e := &to.entries[i]; !e.addr.IsZero() {
			e.value = value(e.value)
		}
	}
}
