package conntrack

import "math/bits"

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
	// leastFlood is the least number of connections that look established and are a flood.
	leastFlood = 64
	// together is the number of buckets whose entries are loaded in advance, so
	// that the cache misses overlap.
	together = 32
)

// shortlist holds the best candidates for eviction that a search has found: see candidate.
// The best one is the last.
type shortlist struct {
	n    int
	list [shortlistSize]candidate
}

// search is the search for connections to evict in a shard. The shard's lock guards it.
//
// A table of one shard is searched completely when the list has no victim. It therefore
// evicts the best candidate of all. In a larger table a complete search would
// delay packets. There, each new connection that finds the table full continues the
// search by a few buckets, in a circle. The best candidate found so far is evicted.
type search struct {
	at   int // buckets searched since the table was made
	vain int // buckets searched since the last that held a candidate of list
	// largest is the size of the largest crowd that was met in the present round over all
	// buckets, before that of the round before.
	largest, before int64
	// now is what was met in the present round, was in the round before.
	now, was census

	shortlist           // all but those that look established
	claimed   shortlist // those, if they are a flood
}

// census are numbers of entries that a search has met.
type census struct {
	all, unassured uint32
	// claimed and half are of the crowds claimed and claimedFew. half is set if one
	// service has so many of them that they fill half of the table.
	claimed [2]uint32
	half    [2]bool
}

// floods reports whether the connections of a crowd that look established are a flood: if
// those of one service fill half of the table, or if those of all services are most of the
// entries that are not assured, and a share of all. A few connections are no flood.
func (s *search) floods(at crowd) bool {
	i := at - claimed
	n := s.now.claimed[i] + s.was.claimed[i]
	return s.now.half[i] || s.was.half[i] || n >= leastFlood && n*2 >= s.now.unassured+s.was.unassured && n*tolerance >= s.now.all+s.was.all
}

// spares reports whether c is modest and no candidate of the list is right for it, because
// the best is not. The others are of more packets, of smaller crowds or younger.
func (l *shortlist) spares(c *claimant) bool {
	if l.n == 0 || !c.modest {
		return false
	}
	best := &l.list[l.n-1]
	return best.rank > order[begun] || best.rank == order[begun] && int64(best.since) > c.oldest
}

// reclaim evicts a connection that is not assured and returns its entry, for the new
// connection n with that hash. It takes one of sh, whose lock the caller
// holds, or of another shard whose lock is free. It copies the evicted connection to
// victim.
func (t *Table) reclaim(sh *shard, hash uint64, n *Record, victim *Conn) (uint32, bool) {
	if t.origin != nil {
		return t.pretend(sh, hash, n, victim)
	}
	c := t.claimantOf(n)
	ok := t.seek(sh, &sh.search, &c, victim, true)
	t.offer(sh)
	if ok {
		return t.popEntry(sh)
	}
	if sh.search.shortlist.spares(&c) {
		return 0, false
	}
	if index, ok := t.borrow(sh, &c, victim); ok {
		return index, true
	}
	ok = t.last(sh, &sh.search, &c, victim, true)
	t.offer(sh)
	if !ok {
		return 0, false
	}
	return t.popEntry(sh)
}

// seek continues the search in sh, and takes the best candidate whose room c gets, unless
// it is of a small crowd. If end is set, it evicts the candidate.
func (t *Table) seek(sh *shard, s *search, c *claimant, victim *Conn, end bool) bool {
	all, least, most := t.looks()
	t.look(sh, s, least)
	if s.shortlist.spares(c) {
		return false
	}
	if s.n > 0 && s.list[s.n-1].rank > order[begun] && t.pickClaimed(sh, s, c, victim, end) ||
		t.pick(sh, s, &s.shortlist, c, victim, end, false) {
		return true
	}
	if s.vain < all {
		t.look(sh, s, most-least)
		if t.pick(sh, s, &s.shortlist, c, victim, end, false) {
			return true
		}
	}
	return t.pickClaimed(sh, s, c, victim, end)
}

// pickClaimed is like pick for the connections that look established and are a flood. They go
// before real flows of several packets.
func (t *Table) pickClaimed(sh *shard, s *search, c *claimant, victim *Conn, end bool) bool {
	return s.claimed.n > 0 && c.getsClaimed(s) && t.pick(sh, s, &s.claimed, c, victim, end, false)
}

// last is like seek but takes a candidate of a small crowd that was found already. It takes
// none for a modest connection.
func (t *Table) last(sh *shard, s *search, c *claimant, victim *Conn, end bool) bool {
	return !c.modest && t.pick(sh, s, &s.shortlist, c, victim, end, true)
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
func (t *Table) borrow(sh *shard, c *claimant, victim *Conn) (uint32, bool) {
	tries, first := 0, t.number(sh)/64
	for i := range uint(len(t.offers)) {
		at := (first + i) % uint(len(t.offers))
		for set := t.offers[at].Load(); set != 0 && tries < lenders; set &= set - 1 {
			tries++
			other := &t.shards[at*64+uint(bits.TrailingZeros64(set))]
			if !other.mu.TryLock() {
				continue
			}
			s := &other.search
			ok := t.pick(other, s, &s.shortlist, c, victim, true, false)
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
	case offered && sh.search.n == 0:
		word.And(^bit)
	case !offered && sh.search.n > 0:
		word.Or(bit)
	}
}

// pick takes the best candidate out of a list whose room c gets, and copies the connection
// to victim. If end is set, it evicts the connection. It takes a candidate of a small crowd
// only if small is set. The caller holds the lock of sh.
func (t *Table) pick(sh *shard, s *search, l *shortlist, c *claimant, victim *Conn, end, small bool) bool {
	for t.next(sh, s, l, c, victim, small) {
		if !end || t.endIn(sh, victim.index, victim, assuredBit) {
			return true
		}
	}
	return false
}

// next takes the best candidate whose room c gets out of a list and copies the connection
// to victim. It returns false if there is none.
func (t *Table) next(sh *shard, s *search, l *shortlist, c *claimant, victim *Conn, small bool) bool {
	// A candidate that has changed since it was found gets its right place, once.
	for i, tries := l.n-1, 2*shortlistSize; i >= 0 && tries > 0; tries-- {
		was := l.list[i]
		if was.rank&smallCrowd != 0 && !small {
			return false // as are all that follow
		}
		e := &t.entries[was.index]
		word := e.state.Load()
		there := same(was.word, word) && t.shardOf(e.hash.Load()) == sh && e.evictable(word)
		if there && !c.gets(t, was.index) {
			i-- // another service may have a victim, or the service of c itself
			continue
		}
		copy(l.list[i:l.n-1], l.list[i+1:l.n])
		l.n--
		if there {
			if now := t.candidate(s, e, was.index, word); now.rank == was.rank && now.since == was.since && t.take(was.index, victim) {
				return true
			}
			t.consider(s, was.index)
		}
		i = l.n - 1
	}
	return false
}

// look searches the next n buckets of the shard for candidates. Their entries may belong to
// the range of any shard.
func (t *Table) look(sh *shard, s *search, n int) {
	last := 1<<t.shardShift - 1
	for ; n > 0; n -= together {
		some := min(n, together)
		for i := range some {
			t.load(&t.buckets[sh.home+(s.at+i)&last])
		}
		for range some {
			b := &t.buckets[sh.home+s.at&last]
			s.at++
			s.vain++
			if s.at&last == 0 {
				s.largest, s.before = 0, s.largest
				s.now, s.was = census{}, s.now
			}
			t.meet(s, b)
		}
	}
}

// load brings the entries of a bucket into the cache before meet reads them.
func (t *Table) load(b *bucket) {
	for set := b.used(); set != 0; set &= set - 1 {
		t.entries[b.index[set.first()].Load()].state.Load()
	}
}

// meet counts each connection of a chain, and calls consider for it.
func (t *Table) meet(s *search, b *bucket) {
	for range maxChain {
		for set := b.used(); set != 0; set &= set - 1 {
			index := b.index[set.first()].Load()
			s.now.count(t.entries[index].state.Load())
			if t.consider(s, index) {
				s.vain = 0
			}
		}
		if b = t.after(b); b == nil {
			return
		}
	}
}

// count counts an entry with that state word.
func (c *census) count(word uint64) {
	c.all++
	if word&assuredBit == 0 {
		c.unassured++
	}
	if at := crowdOf(word); at.isClaimed() {
		c.claimed[at-claimed]++
	}
}

// arrived makes the search find a connection that was just inserted into sh. used is
// the number of connections, this one included. The caller holds the lock of sh.
func (t *Table) arrived(sh *shard, index uint32, used int) {
	if len(t.shards) == 1 || used < t.Size() {
		sh.search.vain = 0 // the search has not reached the connection yet
		return
	}
	t.consider(&sh.search, index)
	t.offer(sh)
}

// consider adds the connection at index to the right list, unless the list is full of
// better candidates. It returns false if the connection must not be evicted, or only if it
// is part of a flood.
func (t *Table) consider(s *search, index uint32) bool {
	e := &t.entries[index]
	word := e.state.Load()
	if !e.evictable(word) {
		return false
	}
	at := crowdOf(word)
	if !at.isClaimed() {
		s.shortlist.add(t.candidate(s, e, index, word))
		return true
	}
	if n := t.sizeOf(e.serverID(), at); n >= leastFlood && n*2 >= int64(t.Size()) {
		s.now.half[at-claimed] = true
	}
	if s.floods(at) {
		s.claimed.add(t.candidate(s, e, index, word))
	}
	return false
}

// add adds a candidate, unless the list is full of better ones.
func (l *shortlist) add(c candidate) {
	if l.n == shortlistSize && !c.before(&l.list[0]) {
		return
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
	case at < l.n && l.list[at].rank == c.rank && l.list[at].since == c.since && l.list[at].index == c.index:
		l.list[at] = c // it was already in the list
	case l.n == shortlistSize:
		copy(l.list[:at-1], l.list[1:at])
		l.list[at-1] = c
	default:
		copy(l.list[at+1:l.n+1], l.list[at:l.n])
		l.list[at] = c
		l.n++
	}
}
