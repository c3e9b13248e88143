package conntrack

import "director/packet"

// Outcome says what Insert did.
type Outcome uint8

const (
	// Inserted: the connection is new.
	Inserted Outcome = iota
	// Reclaimed: the connection is new, in place of the oldest half-open one
	// that was found, which has ended.
	Reclaimed
	// Existed: another packet made it first; it is in c.
	Existed
	// Full: there is no room.
	Full
)

// Record is a connection to insert.
type Record struct {
	Key
	Target
	Kind     Kind
	State    State
	Number   uint32 // of packets so far, or a template's time-out in seconds
	Deadline int64
	Now      int64
	// Parent controls the connection: it does not end before it. Nil for none.
	Parent *Conn
	// Data is a persistence engine's, for a template of kind Engine.
	Data string
}

// Imagine makes c a copy of a connection that is in no table: for a packet that
// is forwarded as if there was one.
func Imagine(r *Record, c *Conn) {
	var e entry
	e.encode(r, 0)
	e.state.Store(liveBit | uint64(r.State))
	e.read(0, c)
}

// Insert adds a connection unless it exists. hash is that of its client's side:
// HashIn of the client's packet, or HashTemplate. c receives the connection,
// victim the one whose place it took when the outcome is Reclaimed: the caller
// settles that one's counts.
//
// A parent that ended meanwhile is none: the connection then stands alone.
func (t *Table) Insert(hash uint64, n *Record, c, victim *Conn) Outcome {
	family := uint64(0)
	if n.Parent != nil && t.retain(n.Parent, n.Now) {
		family = uint64(n.Parent.index + 1)
	}
	outcome := t.insert(hash, n, family, c, victim)
	if family != 0 && outcome > Reclaimed {
		t.letGo(family)
	}
	return outcome
}

func (t *Table) insert(hash uint64, n *Record, family uint64, c, victim *Conn) Outcome {
	sh := t.shardOf(hash)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t.findKey(hash, n, c) {
		return Existed
	}
	b, at := t.freeSlot(sh, hash)
	if b == nil {
		return Full
	}
	outcome := Inserted
	index, ok := t.takeEntry(sh)
	if !ok {
		if index, ok = t.reclaim(sh, victim); !ok {
			return Full
		}
		outcome = Reclaimed
		// The victim's slot may have been in the chain that b was to be
		// linked to: look again.
		if b, at = t.freeSlot(sh, hash); b == nil {
			t.pushEntry(sh, index)
			return Full
		}
	}
	e := &t.entries[index]
	e.encode(n, hash)
	e.family.Store(family)
	sh.order = max(sh.order+1, uint64(n.Now))
	e.order.Store(sh.order)
	if n.Kind&Engine != 0 {
		t.data.set(index, n.Data)
	}
	e.state.Store(e.state.Load()&^(stateMask|numberMask) | liveBit | uint64(n.Number)<<numberShift | uint64(n.State))
	b.word[at].Store(hash<<32 | uint64(index+1))
	t.arrived(sh, index, int(t.used.Add(1)))
	if n.Kind&AnyPort != 0 {
		t.anyPort.Add(1)
	}
	e.read(index, c)
	return outcome
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

// pushEntry gives a dead entry to sh, whose lock the caller holds.
func (t *Table) pushEntry(sh *shard, index uint32) {
	t.entries[index].order.Store(uint64(sh.freeHead))
	sh.freeHead = index + 1
}

// remove takes the entry at index, which the caller has killed, out of its
// bucket and frees it. The caller holds sh.mu, the lock of the entry's shard.
func (t *Table) remove(sh *shard, index uint32) {
	e := &t.entries[index]
	hash := e.hash.Load()
	t.clearSlot(sh, hash, hash<<32|uint64(index+1))
	switch kind := Kind(e.server.Load()); {
	case kind&Engine != 0:
		t.data.remove(index)
	case kind&AnyPort != 0:
		t.anyPort.Add(-1)
	}
	t.pushEntry(sh, index)
	t.used.Add(-1)
}

// clearSlot empties the slot that holds word.
func (t *Table) clearSlot(sh *shard, hash, word uint64) {
	b := t.home(hash)
	for !b.clear(word) {
		b = &t.overflow[b.word[link].Load()-1]
	}
	t.trim(sh, t.home(hash))
}

// trim takes the empty overflow buckets at the end of a chain out of it. Those
// in its middle stay: a reader that stands in a bucket goes on wherever its next
// user links it to, and misses nothing only where nothing came after it.
func (t *Table) trim(sh *shard, home *bucket) {
	last := home
	for n := home.word[link].Load(); n != 0; {
		b := &t.overflow[n-1]
		if !b.empty() {
			last = b
		}
		n = b.word[link].Load()
	}
	n := last.word[link].Load()
	if n == 0 {
		return
	}
	last.word[link].Store(0)
	for n != 0 {
		b := &t.overflow[n-1]
		next := b.word[link].Load()
		b.word[link].Store(uint64(sh.overHead))
		sh.overHead = uint32(n)
		n = next
	}
}

// clear empties the slot that holds word, if the bucket has it.
func (b *bucket) clear(word uint64) bool {
	for i := range slots {
		if b.word[i].Load() == word {
			b.word[i].Store(0)
			return true
		}
	}
	return false
}

func (b *bucket) empty() bool {
	for i := range slots {
		if b.word[i].Load() != 0 {
			return false
		}
	}
	return true
}

// findKey looks for a connection that n would be a second of. The caller holds
// the lock of the shard.
func (t *Table) findKey(hash uint64, n *Record, c *Conn) bool {
	if n.Kind&Template != 0 {
		return t.FindTemplate(hash, &n.Key, n.Data, c)
	}
	if n.Kind&AnyPort != 0 {
		return t.findAnyPort(hash, n, c)
	}
	f := packet.Flow{
		Src: n.Client, SrcPort: n.ClientPort, Dst: n.Virtual, DstPort: n.VirtualPort, Proto: n.Proto,
	}
	return t.FindIn(hash, &f, c)
}
