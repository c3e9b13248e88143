package conntrack

import "math/bits"

const (
	// shortlistSize is how many half-open connections a shard remembers.
	shortlistSize = 64

	// What a connection that finds the table full may cost, whatever there is in
	// it: the buckets of its shard that it looks through. What is chained to
	// them comes on top.
	stride   = 4  // in any case
	longLook = 32 // if the shard remembers nobody, those of stride included
	// lenders is how many other shards are asked then.
	lenders = 4
	// together is how many buckets have their entries loaded ahead, so that the
	// cache misses overlap.
	together = 32
)

// shortlist has the oldest half-open connections of a shard that were met, the
// next to be evicted last. The shard's lock guards it.
//
// A table of one shard looks through all of it when the list is used up, and so
// evicts the very oldest first. In a larger one that would keep packets waiting:
// each connection that finds it full takes the search a little further, round and
// round, and the oldest of what was met by then goes.
type shortlist struct {
	n    int
	at   int // how many buckets were ever looked through
	vain int // how many of them since one held a half-open connection
	list [shortlistSize]candidate
}

type candidate struct {
	order, word uint64
	index       uint32
}

// halfOpen are the states of connections whose client has not answered yet.
var halfOpen = [States]bool{TCPSynRecv: true, TCPSynAck: true, SCTPInit1: true, SCTPInit: true}

// reclaim ends an old half-open connection of sh, whose lock the caller holds, or
// of another shard that nobody has locked, and returns its entry. The caller lets
// the victim's parent go. It is for a connection with that hash.
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

// looks returns how many buckets a shard has, and how many of them a connection
// that finds the table full looks through at least and at most.
func (t *Table) looks() (all, least, most int) {
	all = 1 << t.shardShift
	if len(t.shards) == 1 {
		return all, 0, all
	}
	return all, stride, longLook
}

// borrow is reclaim from the shards that offer somebody.
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

// number returns which of the table's shards sh is.
func (t *Table) number(sh *shard) uint { return uint(sh.home) >> t.shardShift }

// offer tells the other shards whether sh, whose lock the caller holds, remembers
// a half-open connection.
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

// evict ends the oldest half-open connection that sh, whose lock the caller
// holds, remembers.
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

// look goes on through the next n of the shard's buckets for half-open
// connections, whose entries may lie in the stretch of any shard, and notes them
// in l.
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

// load has the entries of a bucket in the cache when they are looked at.
func (t *Table) load(b *bucket) {
	for set := b.used(); set != 0; set &= set - 1 {
		t.entries[b.index[set.first()].Load()].state.Load()
	}
}

// meet considers the connections of a chain.
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

// arrived tells the search of a connection that was inserted into sh, whose lock
// the caller holds, as one of used.
func (t *Table) arrived(sh *shard, index uint32, used int) {
	l := &sh.halfOpen
	if len(t.shards) == 1 || used < t.Size() {
		l.vain = 0 // it is still to be met
		return
	}
	l.consider(t.entries, index)
	t.offer(sh)
}

// consider takes the connection at index into the list, unless that is full of
// older ones. It reports false for one that may not be evicted.
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
		l.list[at] = c // met again
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
