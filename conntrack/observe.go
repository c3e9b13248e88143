package conntrack

// A Change says what the caller of Observe has to add to the counts of the
// connection's server and service.
type Change struct {
	Active int8 // 1: the connection became active, -1: it became inactive
	Opened bool // the connection is no longer half-open

	left, joined crowd // see Crowds.Move
}

// changeOf returns the change from a state word to another.
func changeOf(was, is uint64) (c Change) {
	c.Active = active[is&stateMask] - active[was&stateMask]
	c.Opened = State(was&stateMask).HalfOpen() && !State(is&stateMask).HalfOpen()
	c.left, c.joined = crowdOf(was), crowdOf(is)
	return c
}

// Observe runs the state machine of c for one packet and sets the connection's
// new deadline. It returns what this packet changed. If several workers see the same
// change at once, only one of them gets it.
func (t *Table) Observe(c *Conn, dir Direction, ev Event, now int64, m *Machine, timeouts *Timeouts) (change Change) {
	e := &t.entries[c.index]
	to := m[dir][ev][c.State()]
	for {
		word := c.after(to, dir, ev)
		if word == c.word {
			break
		}
		if e.state.CompareAndSwap(c.word, word) {
			change = changeOf(c.word, word)
			c.word = word
			break
		}
		word = e.state.Load()
		if !same(c.word, word) {
			return change
		}
		c.word = word
		to = m[dir][ev][c.State()]
	}
	// A store costs a locked exchange and the ownership of the cache line, so
	// the deadline is not written again if the clock has not advanced.
	if deadline := now + timeouts[to]; e.deadline.Load() != deadline {
		t.setDeadline(c.index, deadline)
	}
	if parent := uint32(e.family.Load()); parent != 0 {
		if opened, keep := Assures(to) || dir == Out && ev == Datagram, c.keeps(dir); opened || keep {
			t.vouch(parent-1, opened, keep)
		}
	}
	return change
}

// keeps reports whether a packet in direction dir, after which c is the copy of the
// connection, assures the connection's template too. The packet must show that the
// connection is no forged one, which the server will reset: the template would stay for
// much longer. A server answers no forged ACK but by a reset.
func (c *Conn) keeps(dir Direction) bool {
	return c.word&assuredBit != 0 && (dir == Out || c.packets() >= manyPackets)
}

// Crowd reports whether the connection left a crowd or joined one: see Crowds.Move.
func (c Change) Crowd() bool { return c.left != c.joined }

// after returns the state word of c after a packet in direction dir that moves it to
// state to.
func (c *Conn) after(to State, dir Direction, ev Event) uint64 {
	word := c.word&^stateMask | uint64(to)
	switch {
	case answers(to, dir, ev):
		word |= answeredBit
	case dir != Out && c.packets() < maxPackets:
		word += packetOne
	}
	switch {
	case over(to):
		word &^= assuredBit
	case word&assuredBit == 0 && assures(to, word):
		word |= assuredBit
	}
	return word
}
