package conntrack

// Sweeper ends the connections whose time is up in one worker's share of the
// table. It belongs to that worker.
type Sweeper struct {
	table  *Table
	shards []*shard // whose entries are the worker's to look at
	at     int      // the shard in hand
	next   uint32   // the entry to look at next
	agenda agenda   // of Due
}

// Sweeper returns the sweeper of one of workers workers: it looks after the
// entries of every shard whose number is worker modulo workers.
func (t *Table) Sweeper(worker, workers int) *Sweeper {
	s := &Sweeper{table: t}
	for i := worker; i < len(t.shards); i += workers {
		s.shards = append(s.shards, &t.shards[i])
	}
	if len(s.shards) > 0 {
		s.next = s.shards[0].first
	}
	return s
}

// Share returns how many entries one round has to look at: those that were
// ever used.
func (s *Sweeper) Share() int {
	n := 0
	for _, sh := range s.shards {
		n += int(sh.fresh.Load() - sh.first)
	}
	return n
}

// Sweep looks at up to budget entries from where it stopped, ends those whose
// deadline is not after now and copies them to dead. It returns how many it
// ended and how many it looked at; it stops early when dead is full or when
// its share is empty.
func (s *Sweeper) Sweep(now int64, budget int, dead []Conn) (ended, looked int) {
	for idle := 0; idle < len(s.shards); idle++ {
		fresh := s.shards[s.at].fresh.Load()
		for ; s.next < fresh; s.next++ {
			if looked == budget || ended == len(dead) {
				return ended, looked
			}
			if s.table.expire(s.next, now, &dead[ended]) {
				ended++
			}
			looked++
			idle = -1 // this shard was not empty
		}
		s.at = (s.at + 1) % len(s.shards)
		s.next = s.shards[s.at].first
	}
	return ended, looked
}

// expire ends the connection at index if its time is up.
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
	if t.shardOf(e.hash.Load()) != sh || e.deadline.Load() > now || !e.read(index, c) {
		return false
	}
	return t.kill(sh, index, c)
}

// kill ends the connection that c is a copy of and reports false when it
// ended meanwhile. The caller holds the lock of its shard.
func (t *Table) kill(sh *shard, index uint32, c *Conn) bool {
	e := &t.entries[index]
	for !e.state.CompareAndSwap(c.word, (c.word+genOne)&^liveBit) {
		// A packet changed the state meanwhile: the copy follows, so that
		// the caller settles the counts for the state it ended in.
		word := e.state.Load()
		if !same(c.word, word) {
			return false
		}
		c.word = word
	}
	t.remove(sh, index)
	return true
}
