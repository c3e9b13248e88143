package sched_test

import (
	"slices"

	"director/packet"
)

const (
	second = int64(1e9)
	day    = 86400 * second
)

// localModel is lblc and lblcr with a table that never holds so much that some
// of it is collected early.
type localModel struct {
	unmoved
	name     string
	head     *dest
	expiry   *int64
	memories map[packet.Addr]*memory

	begun, ticks int64 // of the table's clock
}

// memory is what is remembered of one destination address: its servers, the
// newest first. lblc has one.
type memory struct {
	used, changed int64
	set           []*dest
}

// tick lets the clock advance to now. Each thirtieth tick removes what has been
// idle for long.
func (m *localModel) tick(now int64) {
	for m.begun != 0 && m.begun+(m.ticks+1)*60*second <= now {
		m.ticks++
		if m.ticks%30 != 0 {
			continue
		}
		for addr, mem := range m.memories {
			if m.begun+m.ticks*60*second-mem.used > *m.expiry {
				delete(m.memories, addr)
			}
		}
	}
}

func (m *localModel) pick(f *packet.Flow, now int64) *dest {
	m.tick(now)
	mem := m.memories[f.Dst]
	if mem != nil {
		mem.used = now
		d := mem.set[0]
		if m.name == "lblcr" {
			d = mem.idlest()
			if len(mem.set) > 1 && now > mem.changed+*m.expiry {
				mem.dismiss(now)
			}
		} else if !d.available || d.weight == 0 { // overloaded or not
			d = nil
		}
		if d != nil && !m.crowded(d) {
			return d
		}
	}
	d := m.head.least((*dest).relative)
	if d == nil {
		return nil
	}
	if mem == nil {
		mem = &memory{used: now}
		m.memories[f.Dst] = mem
		if m.begun == 0 {
			m.begun = now
		}
	}
	switch {
	case m.name == "lblc":
		mem.set = []*dest{d}
	case !slices.Contains(mem.set, d):
		mem.set = slices.Insert(mem.set, 0, d)
		mem.changed = now
	}
	return d
}

// idlest is the first of the least overhead for its weight of those who serve.
func (mem *memory) idlest() (best *dest) {
	for _, d := range mem.set {
		if d.available && d.usable() && (best == nil || d.relative() < best.relative()) {
			best = d
		}
	}
	return best
}

// dismiss removes the first of the most overhead for its weight, even if it has
// left the service.
func (mem *memory) dismiss(now int64) {
	var most *dest
	for _, d := range mem.set {
		if d.weight > 0 && (most == nil || d.relative() > most.relative()) {
			most = d
		}
	}
	if most != nil {
		mem.set = slices.DeleteFunc(mem.set, func(d *dest) bool { return d == most })
		mem.changed = now
	}
}

func (m *localModel) crowded(d *dest) bool {
	lonely := slices.ContainsFunc(m.head.all(), func(o *dest) bool { return o.active*2 < o.weight })
	return lonely && d.active > d.weight
}
