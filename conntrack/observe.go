package conntrack

// Observe runs the state machine of c for one packet and sets the connection's
// new deadline. It returns +1 if this packet made the connection active, -1 if it
// made it inactive and 0 otherwise. If several workers see the same change at once,
// only one of them gets a value other than 0.
func (t *Table) Observe(c *Conn, dir Direction, ev Event, now int64, m *Machine, timeouts *Timeouts) int {
	e := &t.entries[c.index]
	moved := 0
	to := m[dir][ev][c.State()]
	for {
		word := c.after(to, dir)
		if word == c.word {
			break
		}
		if e.state.CompareAndSwap(c.word, word) {
			moved = int(active[to]) - int(active[c.State()])
			t.recount(c.Server(), c.word, word)
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
	// A store costs a locked exchange and the ownership of the cache line, so
	// the deadline is not written again if the clock has not advanced.
	if deadline := now + timeouts[to]; e.deadline.Load() != deadline {
		t.setDeadline(c.index, deadline)
	}
	if parent := uint32(e.family.Load()); parent != 0 && (Assures(to) || dir == Out && ev == Datagram) {
		t.assure(parent - 1)
	}
	return moved
}

// after returns the state word of c after a packet in direction dir that moves it to
// state to.
func (c *Conn) after(to State, dir Direction) uint64 {
	word := c.word&^stateMask | uint64(to)
	switch {
	case dir == Out:
		word |= answeredBit
	case c.packets() < maxPackets:
		word += packetOne
	}
	if word&assuredBit == 0 && assures(c.State(), to, word) {
		word |= assuredBit
	}
	return word
}
