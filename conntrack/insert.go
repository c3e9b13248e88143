package conntrack

import (
	"math/bits"

	"director/packet"
)

// Outcome is the result of Insert.
type Outcome uint8

const (
	// Inserted: the connection is new.
	Inserted Outcome = iota
	// Evicted: the connection is new. The table was full, so a connection that was
	// not assured was evicted for it: see reclaim.
	Evicted
	// Existed: another packet inserted the connection first; c holds it.
	Existed
	// Full: there is no room.
	Full
)

// Imagine fills c with the connection r, which is in no table. A packet that is
// forwarded without an entry needs such a connection.
func Imagine(r *Record, c *Conn) {
	c.encode(r)
}

// Insert adds a connection unless it exists. hash is the hash of the client's side:
// HashIn of the client's packet, or HashTemplate. Insert copies the connection to c.
// If the outcome is Evicted, it copies the evicted connection to victim, and the
// caller must update the counts for that one.
//
// n.Order is the current time. The table may store a greater value, so that the
// orders in a shard increase. Insert ignores n.ID and n.Parental. If the parent has
// ended meanwhile, the connection is inserted without a parent.
func (t *Table) Insert(hash uint64, n *Record, c, victim *Conn) Outcome {
	family := uint64(0)
	if n.Parent != 0 && t.retain(n.Parent, n.Order) {
		family = uint64(n.Parent.index() + 1)
	}
	outcome := t.insert(hash, n, family, c, victim)
	if family != 0 && outcome > Evicted {
		t.letGo(family)
	}
	return outcome
}

func (t *Table) insert(hash uint64, n *Record, family uint64, c, victim *Conn) Outcome {
	sh := t.shardOf(hash)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	// A hidden connection never counts as a duplicate. Only Restore inserts one.
	if n.Kind&Hidden == 0 && t.findKey(hash, n, c) {
		return Existed
	}
	b, at := t.freeSlot(sh, hash)
	if b == nil {
		return Full
	}
	outcome := Inserted
	index, ok := t.takeEntry(sh)
	if !ok {
		if index, ok = t.reclaim(sh, hash, n, victim); !ok {
			return Full
		}
		outcome = Evicted
		// The victim's slot may have been in the chain of b, and trim may
		// have taken b out of that chain: search again.
		if b, at = t.freeSlot(sh, hash); b == nil {
			t.pushEntry(sh, index)
			return Full
		}
	}
	c.encode(n)
	if packets := c.packets(); !n.Is(Template) && packets < t.countFrom {
		c.word += uint64(t.countFrom-packets) << packetsShift
	}
	t.write(index, n, c, hash)
	e := &t.entries[index]
	e.family.Store(family)
	sh.order = max(sh.order+1, uint64(n.Order))
	e.order.Store(sh.order)
	if n.Kind&Engine != 0 {
		t.data.set(index, n.Data)
	}
	// An exchange, not a store: a store might become visible after dueBy has read
	// the chunk's time. A sweeper would then see neither the entry nor its time.
	c.index, c.word = index, c.word|e.state.Load()&genMask
	t.step()
	e.state.Swap(c.word)
	t.step()
	t.dueBy(index, e.deadline.Load())
	b.put(at, tagOf(hash), index)
	t.arrived(sh, index, int(t.used.Add(1)))
	if n.Kind&AnyPort != 0 {
		t.anyPort.Add(1)
	}
	return outcome
}

// freeSlot finds a free slot in the chain of hash. If the chain has none, it adds an
// overflow bucket to the chain. It returns a nil bucket if the client has the most
// connections allowed, the chain has its greatest length, or no overflow bucket is
// free. The caller holds sh.mu.
func (t *Table) freeSlot(sh *shard, hash uint64) (free *bucket, at int) {
	b, tag, clients := t.home(hash), tagOf(hash), 0
	for range maxChain {
		if empty := allSlots &^ b.used(); empty != 0 && free == nil {
			free, at = b, empty.first()
		}
		clients += bits.OnesCount64(uint64(b.match(tag)))
		if clients >= maxPerClient {
			return nil, 0
		}
		next := b.next.Load()
		if next == 0 && free != nil {
			return free, at
		}
		if next == 0 {
			if next = t.takeOverflow(sh); next == 0 {
				return nil, 0
			}
			b.next.Store(next)
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
		sh.overHead = uint32(b.next.Load())
		b.next.Store(0)
	}
	return n
}

// takeEntry takes a free entry of the shard, or of another shard if this one has
// none. The caller holds sh.mu. takeEntry does not wait for the lock of another
// shard, so no deadlock is possible.
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

// Expect prepares the insertion of a batch of new connections with these hashes. It
// loads the entries that they will probably get, so that the cache misses overlap.
func (t *Table) Expect(hashes []uint64) {
	entries := t.entries
	for _, hash := range hashes {
		sh := t.shardOf(hash)
		i := uint64(sh.freeHead.Load()) - 1
		if i >= uint64(len(entries)) {
			i = uint64(sh.fresh.Load())
		}
		if i < uint64(len(entries)) {
			entries[i].order.Load()
		}
	}
}

// popEntry takes a free entry of sh. The caller holds the lock of sh.
func (t *Table) popEntry(sh *shard) (uint32, bool) {
	if head := sh.freeHead.Load(); head != 0 {
		sh.freeHead.Store(uint32(t.entries[head-1].order.Load()))
		return head - 1, true
	}
	if fresh := sh.fresh.Load(); fresh < sh.end {
		sh.fresh.Store(fresh + 1)
		return fresh, true
	}
	return 0, false
}

// pushEntry adds a dead entry to the free list of sh. The caller holds the lock of sh.
func (t *Table) pushEntry(sh *shard, index uint32) {
	t.entries[index].order.Store(uint64(sh.freeHead.Load()))
	sh.freeHead.Store(index + 1)
}

// free takes the dead entry at index out of its bucket and adds it to the free list.
// The caller holds sh.mu, the lock of the entry's shard.
func (t *Table) free(sh *shard, index uint32) {
	e := &t.entries[index]
	hash := e.hash.Load()
	t.clearSlot(sh, hash, index)
	switch kind := Kind(e.server.Load()); {
	case kind&Engine != 0:
		t.data.remove(index)
	case kind&AnyPort != 0:
		t.anyPort.Add(-1)
	}
	t.pushEntry(sh, index)
	t.used.Add(-1)
}

// clearSlot clears the slot of the connection at index. hash is the connection's hash.
func (t *Table) clearSlot(sh *shard, hash uint64, index uint32) {
	b := t.home(hash)
	for !b.clear(tagOf(hash), index) {
		b = t.after(b)
	}
	t.trim(sh, t.home(hash))
}

// trim takes empty overflow buckets off the end of a chain. Empty buckets in the
// middle stay, because a reader may be in such a bucket: if another chain reuses it,
// the reader follows its link into that chain. It would miss the rest of its own
// chain. After the last bucket there is no rest to miss.
func (t *Table) trim(sh *shard, home *bucket) {
	last := home
	for n := home.next.Load(); n != 0; {
		b := &t.overflow[n-1]
		if b.used() != 0 {
			last = b
		}
		n = b.next.Load()
	}
	n := last.next.Load()
	if n == 0 {
		return
	}
	last.next.Store(0)
	for n != 0 {
		b := &t.overflow[n-1]
		next := b.next.Load()
		b.next.Store(uint64(sh.overHead))
		sh.overHead = uint32(n)
		n = next
	}
}

// findKey looks for a connection that has the same key as n. The caller holds the
// lock of the shard.
func (t *Table) findKey(hash uint64, n *Record, c *Conn) bool {
	if n.Is(Template) {
		return t.FindTemplate(hash, &n.Key, n.Mark, n.Data, c)
	}
	if n.Kind&AnyPort != 0 {
		return t.findAnyPort(hash, n, c)
	}
	f := packet.Flow{
		Src: n.Client, SrcPort: n.ClientPort, Dst: n.Virtual, DstPort: n.VirtualPort, Proto: n.Proto,
	}
	return t.FindIn(hash, &f, c)
}
