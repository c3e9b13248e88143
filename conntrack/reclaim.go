package conntrack

import "math/bits"

const (
	// shortlistSize is how many half-open connections a shard remembers.
	shortlistSize = 64

	// Limits of the search by a new connection that finds the table full. They
	// hold for any contents of the table. They count buckets of the connection's
	// shard; the overflow buckets chained to them are not counted.
	stride   = 4  // always searched
	longLook = 32 // searched if the shortlist is empty; includes stride
	// lenders is how many other shards are tried after that.
	lenders = 4
	// together is the number of buckets whose entries are loaded in advance, so
	// that the cache misses overlap.
	together = 32
)

// shortlist holds the oldest half-open connections that the search found in a
// shard. The next one to be evicted is the last. The shard's lock guards it.
//
// A table of one shard is searched completely when the list is empty. It therefore
// evicts the oldest connection of all. In a larger table a complete search would
// delay packets. There, each new connection that finds the table full continues the
// search by a few buckets, in a circle. The oldest connection found so far is evicted.
type shortlist struct {
	n    int
	at   int // buckets searched since the table was made
	vain int // buckets searched since the last that held a half-open connection
	list [shortlistSize]candidate
}

type candidate struct {
	order, word uint64
	index       uint32
}

// halfOpen holds the states in which the client has not answered yet.
var halfOpen = [States]bool{TCPSynRecv: true, TCPSynAck: true, SCTPInit1: true, SCTPInit: true}

// reclaim evicts an old half-open connection and returns its entry, for a new
// connection with that hash. It takes one of sh, whose lock the caller holds, or
// of another shard whose lock is free. It copies the evicted connection to victim.
func (t *Table) reclaim(sh *shard, hash uint64, victim *Conn) (uint32, bool) {
	if t.origin != nil {
		return t.pretend(sh, hash, victim)
	}
	all, least, most := t.looks()
	t.look(sh, &sh.halfOpen, least)
	ok := t.evict(sh, victim)
	if !ok && sh.halfOpen.vain < all {
		t.look(sh, &sh.halfOpen, most-least)
		ok = t.evict(sh, victim)
	}
	t.offer(sh)
	if !ok {
		return t.borrow(sh, victim)
	}
	return t.popEntry(sh)
}

// looks returns the number of buckets of a shard, and the least and the greatest
// number that is searched for one new connection when the table is full.
func (t *Table) looks() (all, least, most int) {
	all = 1 << t.shardShift
	if len(t.shards) == 1 {
		return all, 0, all
	}
	return all, stride, longLook
}

// borrow is like reclaim, but takes a connection of a shard that has a bit in offers.
func (t *Table) borrow(sh *shard, victim *Conn) (uint32, bool) {
	tries, first := 0, t.number(sh)/64
	for i := range uint(len(t.offers)) {
		at := (first + i) % uint(len(t.offers))
		for set := t.offers[at].Load(); set != 0 && tries < lenders; set &= set - 1 {
			tries++
			other := &t.shards[at*64+uint(bits.TrailingZeros64(set))]
			if !other.mu.TryLock() {
				continue
			}
			ok := t.evict(other, victim)
			t.offer(other)
			if ok {
				index, ok := t.popEntry(other)
				other.mu.Unlock()
				return index, ok
			}
			other.mu.Unlock()
		}
	}
	return 0, false
}

// number returns the index of sh among the table's shards.
func (t *Table) number(sh *shard) uint { return uint(sh.home) >> t.shardShift }

// offer sets or clears the bit of sh in offers: it is set while the shortlist of sh
// is not empty. Other shards read it. The caller holds the lock of sh.
func (t *Table) offer(sh *shard) {
	n := t.number(sh)
	word, bit := &t.offers[n/64], uint64(1)<<(n%64)
	switch offered := word.Load()&bit != 0; {
	case offered && sh.halfOpen.n == 0:
		word.And(^bit)
	case !offered && sh.halfOpen.n > 0:
		word.Or(bit)
	}
}

// evict evicts the oldest half-open connection of the shortlist of sh. The caller
// holds the lock of sh.
func (t *Table) evict(sh *shard, victim *Conn) bool {
	l := &sh.halfOpen
	for l.n > 0 {
		l.n--
		c := &l.list[l.n]
		e := &t.entries[c.index]
		if same(c.word, e.state.Load()) && t.shardOf(e.hash.Load()) == sh && t.take(c.index, victim) &&
			e.children() == 0 && t.endIn(sh, c.index, victim, &halfOpen) {
			return true
		}
	}
	return false
}

// look searches the next n buckets of the shard for half-open connections and adds
// them to l. Their entries may belong to the range of any shard.
func (t *Table) look(sh *shard, l *shortlist, n int) {
	last := 1<<t.shardShift - 1
	for ; n > 0; n -= together {
		some := min(n, together)
		for i := range some {
			t.load(&t.buckets[sh.home+(l.at+i)&last])
		}
		for range some {
			b := &t.buckets[sh.home+l.at&last]
			l.at++
			l.vain++
			t.meet(l, b)
		}
	}
}

// load brings the entries of a bucket into the cache before meet reads them.
func (t *Table) load(b *bucket) {
	for set := b.used(); set != 0; set &= set - 1 {
		t.entries[b.index[set.first()].Load()].state.Load()
	}
}

// meet calls consider for each connection of a chain.
func (t *Table) meet(l *shortlist, b *bucket) {
	for range maxChain {
		for set := b.used(); set != 0; set &= set - 1 {
			if l.consider(t.entries, b.index[set.first()].Load()) {
				l.vain = 0
			}
		}
		if b = t.after(b); b == nil {
			return
		}
	}
}

// arrived makes the search find a connection that was just inserted into sh. used is
// the number of connections, this one included. The caller holds the lock of sh.
func (t *Table) arrived(sh *shard, index uint32, used int) {
	l := &sh.halfOpen
	if len(t.shards) == 1 || used < t.Size() {
		l.vain = 0 // the search has not reached the connection yet
		return
	}
	l.consider(t.entries, index)
	t.offer(sh)
}

// consider adds the connection at index to the list, unless the list is full of
// older ones. It returns false if the connection must not be evicted.
func (l *shortlist) consider(entries []entry, index uint32) bool {
	e := &entries[index]
	word := e.state.Load()
	if word&liveBit == 0 || !halfOpen[word&stateMask] || e.children() != 0 {
		return false
	}
	c := candidate{e.order.Load(), word, index}
	if l.n == shortlistSize && c.order >= l.list[0].order {
		return true
	}
	// Youngest first, so that the oldest is taken from the end.
	at, end := 0, l.n
	for at < end {
		if middle := (at + end) / 2; l.list[middle].order > c.order {
			at = middle + 1
		} else {
			end = middle
		}
	}
	switch {
	case at < l.n && l.list[at].order == c.order && l.list[at].index == index:
		l.list[at] = c // it was already in the list
	case l.n == shortlistSize:
		copy(l.list[:at-1], l.list[1:at])
		l.list[at-1] = c
	default:
		copy(l.list[at+1:l.n+1], l.list[at:l.n])
		l.list[at] = c
		l.n++
	}
	return true
}
