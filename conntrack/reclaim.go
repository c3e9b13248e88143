package conntrack

import (
	"math/bits"
	"sync/atomic"
)

const (
	// shortlistSize is how many connections to evict a shard remembers.
	shortlistSize = 64

	// Limits of the search by a new connection that finds the table full. They
	// hold for any contents of the table. They count buckets of the connection's
	// shard; the overflow buckets chained to them are not counted.
	stride   = 4  // always searched
	longLook = 32 // searched if the shortlist has no victim; includes stride
	// lenders is how many other shards are tried after that.
	lenders = 4
	// together is the number of buckets whose entries are loaded in advance, so
	// that the cache misses overlap.
	together = 32
)

// shortlist holds the best candidates for eviction that the search found in a shard:
// see candidate. The best one is the last. The shard's lock guards the list.
//
// A table of one shard is searched completely when the list has no victim. It therefore
// evicts the best candidate of all. In a larger table a complete search would
// delay packets. There, each new connection that finds the table full continues the
// search by a few buckets, in a circle. The best candidate found so far is evicted.
type shortlist struct {
	n    int
	at   int // buckets searched since the table was made
	vain int // buckets searched since the last that held a candidate
	// largest is the size of the largest crowd that was seen in the present round over
	// all buckets, before that of the round before.
	largest, before int64

	list [shortlistSize]candidate
}

// reclaim evicts a connection that is not assured and returns its entry, for a new
// connection with that hash and server. It takes one of sh, whose lock the caller
// holds, or of another shard whose lock is free. It copies the evicted connection to
// victim.
func (t *Table) reclaim(sh *shard, hash uint64, server uint32, victim *Conn) (uint32, bool) {
	if t.origin != nil {
		return t.pretend(sh, hash, server, victim)
	}
	mine := t.crowds(server)
	all, least, most := t.looks()
	t.look(sh, &sh.unassured, least)
	ok := t.evict(sh, mine, victim)
	if !ok && sh.unassured.vain < all {
		t.look(sh, &sh.unassured, most-least)
		ok = t.evict(sh, mine, victim)
	}
	t.offer(sh)
	if !ok {
		return t.borrow(sh, mine, victim)
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
func (t *Table) borrow(sh *shard, mine *[2]atomic.Int64, victim *Conn) (uint32, bool) {
	tries, first := 0, t.number(sh)/64
	for i := range uint(len(t.offers)) {
		at := (first + i) % uint(len(t.offers))
		for set := t.offers[at].Load(); set != 0 && tries < lenders; set &= set - 1 {
			tries++
			other := &t.shards[at*64+uint(bits.TrailingZeros64(set))]
			if !other.mu.TryLock() {
				continue
			}
			ok := t.evict(other, mine, victim)
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
	case offered && sh.unassured.n == 0:
		word.And(^bit)
	case !offered && sh.unassured.n > 0:
		word.Or(bit)
	}
}

// evict evicts the best candidate of the shortlist of sh that a service with the
// crowds mine may evict. The caller holds the lock of sh.
func (t *Table) evict(sh *shard, mine *[2]atomic.Int64, victim *Conn) bool {
	for t.next(sh, &sh.unassured, mine, victim) {
		if t.endIn(sh, victim.index, victim, assuredBit) {
			return true
		}
	}
	return false
}

// next takes the best candidate that a service with the crowds mine may evict out of the
// list and copies the connection to victim. It returns false if there is none.
func (t *Table) next(sh *shard, l *shortlist, mine *[2]atomic.Int64, victim *Conn) bool {
	// A candidate that has changed since it was found gets its right place, once.
	for i, tries := l.n-1, 2*shortlistSize; i >= 0 && tries > 0; tries-- {
		c := l.list[i]
		e := &t.entries[c.index]
		word := e.state.Load()
		there := same(c.word, word) && t.shardOf(e.hash.Load()) == sh && e.evictable(word)
		if there && !t.yields(c.index, mine) {
			i-- // another service may have a victim, or mine itself
			continue
		}
		copy(l.list[i:l.n-1], l.list[i+1:l.n])
		l.n--
		if there {
			if now := t.candidate(l, e, c.index, word); now.rank == c.rank && now.since == c.since && t.take(c.index, victim) {
				return true
			}
			t.consider(l, c.index)
		}
		i = l.n - 1
	}
	return false
}

// look searches the next n buckets of the shard for candidates and adds them to l.
// Their entries may belong to the range of any shard.
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
			if l.at&last == 0 {
				l.largest, l.before = 0, l.largest
			}
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
			if t.consider(l, b.index[set.first()].Load()) {
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
	l := &sh.unassured
	if len(t.shards) == 1 || used < t.Size() {
		l.vain = 0 // the search has not reached the connection yet
		return
	}
	t.consider(l, index)
	t.offer(sh)
}

// consider adds the connection at index to the list, unless the list is full of
// better candidates. It returns false if the connection must not be evicted.
func (t *Table) consider(l *shortlist, index uint32) bool {
	e := &t.entries[index]
	word := e.state.Load()
	if !e.evictable(word) {
		return false
	}
	c := t.candidate(l, e, index, word)
	if l.n == shortlistSize && !c.before(&l.list[0]) {
		return true
	}
	// The worst first, so that the best is taken from the end.
	at, end := 0, l.n
	for at < end {
		if middle := (at + end) / 2; c.before(&l.list[middle]) {
			at = middle + 1
		} else {
			end = middle
		}
	}
	switch {
	case at < l.n && l.list[at].rank == c.rank && l.list[at].since == c.since && l.list[at].index == index:
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
