package sched_test

import (
	"slices"

	"director/packet"
	"director/sched"
)

const (
	second = int64(1e9)
	day    = 86400 * second
)

// memory is what lblc and lblcr remember of one destination address.
type memory struct {
	used, changed int64
	members       []*sched.Load // newest last; lblc has one
}

// tick lets the clock of the caches advance to now. The models never hold so
// much that it is collected early.
func (m *model) tick(now int64) {
	if m.begun == 0 {
		m.begun = now
	}
	for m.begun+(m.ticks+1)*60*second <= now {
		m.ticks++
		if m.ticks%30 != 0 {
			continue
		}
		for addr, mem := range m.memories {
			if m.begun+m.ticks*60*second-mem.used > day {
				delete(m.memories, addr)
			}
		}
	}
}

// local is the choice of lblc and lblcr.
func (m *model) local(f *packet.Flow, now int64) (int, bool) {
	m.tick(now)
	mem := m.memories[f.Dst]
	if mem != nil {
		i, ok := m.member(mem)
		mem.used = now
		if m.name == "lblcr" && len(mem.members) > 1 && now > mem.changed+day {
			m.dismiss(mem, now)
		}
		if ok && !m.crowded(i) {
			return i, true
		}
	}
	i, ok := m.best(m.cost)
	if !ok {
		return 0, false
	}
	if mem == nil {
		mem = &memory{used: now}
		m.memories[f.Dst] = mem
	}
	load := m.list[i].Load
	switch {
	case m.name == "lblc":
		mem.members = []*sched.Load{load}
	case !slices.Contains(mem.members, load):
		mem.members, mem.changed = append(mem.members, load), now
	}
	return i, true
}

// index says where in the list the server with that load is.
func (m *model) index(l *sched.Load) int {
	return slices.IndexFunc(m.list, func(s sched.Server) bool { return s.Load == l })
}

func (m *model) member(mem *memory) (best int, found bool) {
	for _, l := range slices.Backward(mem.members) {
		i := m.index(l)
		if m.list[i].Weight == 0 {
			continue
		}
		cost, _ := m.cost(i)
		if least, _ := m.cost(best); !found || cost < least {
			best, found = i, true
		}
	}
	return best, found
}

// dismiss removes the busiest member for its weight, of equals the newest.
func (m *model) dismiss(mem *memory, now int64) {
	var worst *sched.Load
	var most float64
	for _, l := range slices.Backward(mem.members) {
		if i := m.index(l); m.list[i].Weight > 0 {
			if cost, _ := m.cost(i); worst == nil || cost > most {
				worst, most = l, cost
			}
		}
	}
	if worst != nil {
		mem.members = slices.DeleteFunc(mem.members, func(l *sched.Load) bool { return l == worst })
		mem.changed = now
	}
}

func (m *model) crowded(i int) bool {
	lonely := slices.ContainsFunc(m.list, func(s sched.Server) bool { return s.Load.Active.Load()*2 < int64(s.Weight) })
	return lonely && m.active(i) > float64(m.list[i].Weight)
}
