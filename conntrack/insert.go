package conntrack

import "director/packet"

// Outcome says what Insert did.
type Outcome uint8

const (
	// Inserted: the connection is new.
	Inserted Outcome = iota
	// Existed: another packet made it first; it is in c.
	Existed
	// Full: there is no room.
	Full
)

// Insert adds a connection in the given state, with its deadline, unless it
// exists. hash is the hash of f, a client's packet. c receives the connection.
func (t *Table) Insert(hash uint64, f *packet.Flow, to *Target, s State, deadline int64, c *Conn) Outcome {
	sh := t.shardOf(hash)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t.FindIn(hash, f, c) {
		return Existed
	}
	b, at := t.freeSlot(sh, hash)
	if b == nil {
		return Full
	}
	index, ok := t.takeEntry(sh)
	if !ok {
		return Full
	}
	e := &t.entries[index]
	key := KeyOf(f)
	e.encode(&key, to, hash)
	e.deadline.Store(deadline)
	sh.inserted++
	e.order.Store(sh.inserted)
	e.state.Store(e.state.Load()&^stateMask | liveBit | uint64(s))
	b.word[at].Store(hash<<32 | uint64(index+1))
	t.used.Add(1)
	e.read(index, c)
	return Inserted
}

// freeSlot finds a free slot in the chain of hash, lengthening it by an
// overflow bucket where it must. The bucket is nil when the client has as many
// connections as it may, the chain is as long as it may be, or no overflow
// bucket is left. The caller holds sh.mu.
func (t *Table) freeSlot(sh *shard, hash uint64) (free *bucket, at int) {
	b, tag, clients := t.home(hash), hash<<32>>32, 0
	for range maxChain {
		for i := range slots {
			w := b.word[i].Load()
			switch {
			case w == 0 && free == nil:
				free, at = b, i
			case w>>32 == tag && w != 0:
				clients++
			}
		}
		if clients >= maxPerClient {
			return nil, 0
		}
		next := b.word[link].Load()
		if next == 0 && free != nil {
			return free, at
		}
		if next == 0 {
			if next = t.takeOverflow(sh); next == 0 {
				return nil, 0
			}
			b.word[link].Store(next)
		}
		b = &t.overflow[next-1]
	}
	return free, at
}

// takeOverflow takes a free overflow bucket and returns its number plus 1, or 0
// when there is none. The caller holds sh.mu.
func (t *Table) takeOverflow(sh *shard) uint64 {
	n := uint64(sh.overHead)
	if n != 0 {
		b := &t.overflow[n-1]
		sh.overHead = uint32(b.word[link].Load())
		b.word[link].Store(0)
	}
	return n
}

// takeEntry takes a dead entry: the shard's own, else another's. The caller
// holds sh.mu; the locks of others are only tried, so no two shards wait for
// each other.
func (t *Table) takeEntry(sh *shard) (uint32, bool) {
	if index, ok := t.popEntry(sh); ok {
		return index, true
	}
	if t.Used() >= t.Size() {
		return 0, false
	}
	for i := range t.shards {
		other := &t.shards[i]
		if other == sh || !other.mu.TryLock() {
			continue
		}
		index, ok := t.popEntry(other)
		other.mu.Unlock()
		if ok {
			return index, true
		}
	}
	return 0, false
}

// popEntry takes an entry of sh, whose lock the caller holds.
func (t *Table) popEntry(sh *shard) (uint32, bool) {
	if sh.freeHead != 0 {
		index := sh.freeHead - 1
		sh.freeHead = uint32(t.entries[index].order.Load())
		return index, true
	}
	if fresh := sh.fresh.Load(); fresh < sh.end {
		sh.fresh.Store(fresh + 1)
		return fresh, true
	}
	return 0, false
}

// remove takes the live entry at index out of its bucket and frees it. The
// caller holds sh.mu, the lock of the entry's shard, and has killed the entry.
func (t *Table) remove(sh *shard, index uint32) {
	e := &t.entries[index]
	hash := e.hash.Load()
	t.clearSlot(sh, hash, hash<<32|uint64(index+1))
	e.order.Store(uint64(sh.freeHead))
	sh.freeHead = index + 1
	t.used.Add(-1)
}

// clearSlot empties the slot that holds word. An overflow bucket that becomes
// empty leaves the chain; a reader that stands in it goes on wherever its next
// user links it to, and misses nothing: what it looks for was not there.
func (t *Table) clearSlot(sh *shard, hash, word uint64) {
	b := t.home(hash)
	var before *bucket
	var number uint64
	for {
		for i := range slots {
			if b.word[i].Load() == word {
				b.word[i].Store(0)
				if before != nil && b.empty() {
					before.word[link].Store(b.word[link].Load())
					b.word[link].Store(uint64(sh.overHead))
					sh.overHead = uint32(number)
				}
				return
			}
		}
		before, number = b, b.word[link].Load()
		b = &t.overflow[number-1]
	}
}

func (b *bucket) empty() bool {
	for i := range slots {
		if b.word[i].Load() != 0 {
			return false
		}
	}
	return true
}
