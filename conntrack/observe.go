package conntrack

// Observe runs the state machine of c for one packet and gives the connection
// its new deadline. It returns +1 when the connection became active by this
// packet, -1 when it became inactive and 0 otherwise; of several workers that
// see the same change only one is told.
func (t *Table) Observe(c *Conn, dir Direction, ev Event, now int64, m *Machine, timeouts *Timeouts) int {
	e := &t.entries[c.index]
	moved := 0
	to := m[dir][ev][c.State()]
	for {
		word := c.word&^stateMask | uint64(to)
		if dir != Out && c.packets() < maxPackets {
			word += packetOne
		}
		if word == c.word {
			break
		}
		if e.state.CompareAndSwap(c.word, word) {
			moved = int(active[to]) - int(active[c.State()])
			c.word = word
			break
		}
		word = e.state.Load()
		if !same(c.word, word) {
			return 0
		}
		c.word = word
		to = m[dir][ev][c.State()]
	}
	// Storing costs a locked exchange and the ownership of the line, so a
	// clock that stands still between packets is not written again.
	if deadline := now + timeouts[to]; e.deadline.Load() != deadline {
		t.setDeadline(c.index, deadline)
	}
	if parent := uint32(e.family.Load()); parent != 0 && (Assures(to) || dir == Out && ev == Datagram) {
		t.assure(parent - 1)
	}
	return moved
}
