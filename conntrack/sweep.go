package conntrack

// Sweeper ends the connections whose time is up in one worker's share of the
// table, in rounds. It belongs to that worker.
type Sweeper struct {
	table  *Table
	shards []*shard // whose entries are the worker's to look at
	at     int      // the shard in hand
	next   uint32   // the chunk to pass over next, by its first entry
	agenda agenda   // of Due
}

// Sweeper returns the sweeper of one of workers workers: it looks after the
// entries of every shard whose number is worker modulo workers.
func (t *Table) Sweeper(worker, workers int) *Sweeper {
	s := &Sweeper{table: t}
	for i := worker; i < len(t.shards); i += workers {
		s.shards = append(s.shards, &t.shards[i])
	}
	s.enter(0)
	return s
}

// enter takes the shard at that place in hand.
func (s *Sweeper) enter(at int) {
	if s.at = at; at < len(s.shards) {
		s.next = s.shards[at].first
	}
}

// Sweep goes on with a round over the worker's share: it ends connections whose
// deadline is not after now, copies them to dead and returns how many. It stops
// when dead is full, when budget is spent, of which an entry that is read and a
// chunk that is passed over cost one each, or when the round is done; the next
// call then begins another. A round ends all that was due when it began.
//
// Preconditions: budget is positive, dead not empty; one sweeper at a time looks
// after a share.
func (s *Sweeper) Sweep(now int64, budget int, dead []Conn) (ended int, done bool) {
	for ; s.at < len(s.shards); s.enter(s.at + 1) {
		// Entries behind fresh were never used.
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
			if ended == len(dead) { // the rest of the chunk is for next time
				return ended, false
			}
		}
	}
	s.enter(0)
	return ended, true
}

// expire ends the connection at index if its time is up. One that controls
// others gets a lease instead, which is its time-out from then on.
func (t *Table) expire(index uint32, now int64, c *Conn) bool {
	e := &t.entries[index]
	if e.state.Load()&liveBit == 0 || e.deadline.Load() > now {
		return false
	}
	sh := t.shardOf(e.hash.Load())
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// Read again under the lock: a packet may have come, or the entry may
	// have gone to a connection of another shard, whose own lock guards it.
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

// end ends the connection that c is a copy of and reports false when it has
// ended already. The caller holds the lock of its shard, and lets its parent
// go afterwards.
func (t *Table) end(sh *shard, index uint32, c *Conn) bool {
	return t.endIn(sh, index, c, &anyState)
}

// anyState are the states of all connections.
var anyState = func() (all [States]bool) {
	for s := range all {
		all[s] = true
	}
	return all
}()

// endIn is end for a connection that is in one of some states: it reports false
// when it has left them, too.
func (t *Table) endIn(sh *shard, index uint32, c *Conn, states *[States]bool) bool {
	e := &t.entries[index]
	for {
		if !states[c.State()] {
			return false
		}
		if e.state.CompareAndSwap(c.word, (c.word+genOne)&^liveBit) {
			break
		}
		// A packet changed the state meanwhile: the copy follows, so that
		// the caller settles the counts for the state it ended in.
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

// Remove removes a connection now, whatever its deadline, unless it controls
// others. It also removes the template of the connection, if nothing else uses that
// and it was never assured (ip_vs_conn_expire). It copies what it removed to dead
// and returns how many there are.
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

// removeOne removes the live connection at index whose state word was word, if it
// controls no other, and returns its parent's index + 1 and state word as they
// were before.
func (t *Table) removeOne(index uint32, word uint64, c *Conn) (parent uint32, state uint64, ok bool) {
	e := &t.entries[index]
	sh := t.lock(e)
	defer sh.mu.Unlock()
	if !same(word, e.state.Load()) || e.children() != 0 || !t.take(index, c) {
		return 0, 0, false
	}
	// The parent lives as long as this connection is its child.
	if parent = uint32(e.family.Load()); parent != 0 {
		state = t.entries[parent-1].state.Load()
	}
	return parent, state, t.end(sh, index, c)
}
