package conntrack

// Sweeper expires the connections of one worker's share of the table, in rounds.
// Only that worker uses it.
type Sweeper struct {
	table  *Table
	shards []*shard // the worker's share
	at     int      // the current shard, by its place in shards
	next   uint32   // the first entry of the next chunk
	agenda agenda   // used by Due
}

// Sweeper returns the sweeper of the worker with that number. workers is the number
// of workers. The share is every shard whose number modulo workers is worker.
func (t *Table) Sweeper(worker, workers int) *Sweeper {
	s := &Sweeper{table: t}
	for i := worker; i < len(t.shards); i += workers {
		s.shards = append(s.shards, &t.shards[i])
	}
	s.enter(0)
	return s
}

// enter makes the shard at that place the current one.
func (s *Sweeper) enter(at int) {
	if s.at = at; at < len(s.shards) {
		s.next = s.shards[at].first
	}
}

// Sweep continues a round over the worker's share. It expires connections whose
// deadline is not after now, copies them to dead and returns their number. It stops
// when dead is full, when budget is used up, or when the round is done. The next call
// after that begins a new round. Each entry that is read costs 1 of budget, and each
// chunk costs 1. A round expires all connections that were due when it began.
//
// Preconditions: budget is positive and dead is not empty. Only one sweeper at a time
// works on a share.
func (s *Sweeper) Sweep(now int64, budget int, dead []Conn) (ended int, done bool) {
	for ; s.at < len(s.shards); s.enter(s.at + 1) {
		// Entries from fresh on were never used.
		for fresh := s.shards[s.at].fresh.Load(); s.next < fresh; s.next += chunk {
			if budget <= 0 {
				return ended, false
			}
			budget--
			if s.table.due[s.next/chunk].Load() > now {
				continue
			}
			budget -= chunk
			ended += s.table.expireChunk(s.next, min(s.next+chunk, fresh), now, dead[ended:])
			if ended == len(dead) { // the next call does the rest of the chunk
				return ended, false
			}
		}
	}
	s.enter(0)
	return ended, true
}

// expire expires the connection at index if its deadline is not after now. A
// connection that controls others gets its deadline extended by lease instead. For a
// template, lease also becomes its time-out.
func (t *Table) expire(index uint32, now int64, c *Conn) bool {
	e := &t.entries[index]
	if e.state.Load()&liveBit == 0 || e.deadline.Load() > now {
		return false
	}
	sh := t.shardOf(e.hash.Load())
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// Read again under the lock. A packet may have renewed the deadline, or a
	// connection of another shard, with another lock, may have got the entry.
	deadline := e.deadline.Load()
	if t.shardOf(e.hash.Load()) != sh || deadline > now || !t.take(index, c) {
		return false
	}
	if e.children() == 0 {
		return t.end(sh, index, c)
	}
	for deadline <= now {
		deadline += lease * second
	}
	t.setDeadline(index, deadline)
	if c.Is(Template) {
		t.setTimeout(index, lease)
	}
	return false
}

// end ends the connection that c is a copy of, and frees its entry. It returns false
// if the connection has ended already. The caller holds the lock of its shard.
func (t *Table) end(sh *shard, index uint32, c *Conn) bool {
	return t.endIn(sh, index, c, 0)
}

// endIn is like end, but also returns false if the state word has one of the given
// bits.
func (t *Table) endIn(sh *shard, index uint32, c *Conn, bits uint64) bool {
	e := &t.entries[index]
	for {
		if c.word&bits != 0 {
			return false
		}
		if e.state.CompareAndSwap(c.word, (c.word+genOne)&^liveBit) {
			break
		}
		// A packet changed the state meanwhile. The copy gets the new state,
		// so that the caller updates the counts for the last state.
		word := e.state.Load()
		if !same(c.word, word) {
			return false
		}
		c.word = word
	}
	t.step()
	t.letGo(e.family.Load())
	t.free(sh, index)
	return true
}

// Remove removes a connection at once, whatever its deadline, unless it controls
// others. It also removes the connection's template, if no other connection uses the
// template and it was never assured (ip_vs_conn_expire). It copies the removed
// connections to dead and returns their number.
func (t *Table) Remove(r Ref, dead *[2]Conn) int {
	parent, word, ok := t.removeOne(r.index(), r.word(), &dead[0])
	if !ok {
		return 0
	}
	if parent != 0 && State(word&stateMask) == TemplateNone {
		if _, _, ok := t.removeOne(parent-1, word, &dead[1]); ok {
			return 2
		}
	}
	return 1
}

// removeOne removes the live connection at index, if its state word is still word and
// it controls no other connection. It returns the parent's index + 1 and the parent's
// state word from before the removal.
func (t *Table) removeOne(index uint32, word uint64, c *Conn) (parent uint32, state uint64, ok bool) {
	e := &t.entries[index]
	sh := t.lock(e)
	defer sh.mu.Unlock()
	if !same(word, e.state.Load()) || e.children() != 0 || !t.take(index, c) {
		return 0, 0, false
	}
	// The parent cannot end while this connection is its child.
	if parent = uint32(e.family.Load()); parent != 0 {
		state = t.entries[parent-1].state.Load()
	}
	return parent, state, t.end(sh, index, c)
}
