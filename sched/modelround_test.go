package sched_test

import "director/packet"

// rrModel keeps a pointer to the link chosen last, the head at first.
type rrModel struct {
	head, last *dest
}

func (m *rrModel) pick(*packet.Flow, int64) *dest {
	for d := m.last.next; ; d = d.next {
		if d != m.head && d.usable() {
			m.last = d
			return d
		}
		if d == m.last {
			return nil // once round
		}
	}
}

func (m *rrModel) removed(d *dest) {
	if m.last == d {
		m.last = d.prev
	}
}

func (m *rrModel) added(*dest)  {}
func (m *rrModel) edited(*dest) {}

// wrrModel has the kernel's four variables: the link chosen last, the weight
// that is asked for, the largest that is, and the step from one to the next.
type wrrModel struct {
	head, cl   *dest
	cw, mw, di int64
}

func (m *wrrModel) pick(*packet.Flow, int64) *dest {
	if m.mw == 0 {
		return nil
	}
	// A walk at the lowest level tests everybody if it begins at the head. If it
	// begins later, those up to where it began are tested in the next such walk.
	var rest *dest
	for from := m.cl; ; from = m.head {
		lowest := m.cw <= m.di
		for d := from.next; d != m.head; d = d.next {
			if !d.overloaded && d.weight >= m.cw {
				m.cl = d
				return d
			}
			if lowest && d == rest {
				m.cl = d
				return nil
			}
		}
		if m.cw -= m.di; m.cw <= 0 {
			m.cw = m.mw
		}
		if lowest && from == m.head {
			m.cl = m.head
			return nil
		}
		if lowest {
			rest = from
		}
	}
}

// restart tries all divisors for the greatest one.
func (m *wrrModel) restart() {
	m.cl = m.head
	heaviest := int64(0)
	for _, d := range m.head.all() {
		heaviest = max(heaviest, d.weight)
	}
	for m.di = max(1, heaviest); ; m.di-- {
		divides := true
		for _, d := range m.head.all() {
			divides = divides && d.weight%m.di == 0
		}
		if divides {
			break
		}
	}
	if heaviest == 0 {
		m.di = 1
	}
	m.mw = heaviest - (m.di - 1)
}

func (m *wrrModel) changed() {
	m.restart()
	if m.cw > m.mw || m.cw == 0 {
		m.cw = m.mw
	} else if m.di > 1 {
		m.cw = (m.cw/m.di)*m.di + 1
	}
}

func (m *wrrModel) added(*dest)   { m.changed() }
func (m *wrrModel) removed(*dest) { m.changed() }
func (m *wrrModel) edited(*dest)  { m.changed() }
