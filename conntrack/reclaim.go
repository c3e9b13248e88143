package conntrack

import (
	"cmp"
	"slices"
)

// shortlistSize is how many half-open connections one look through a shard's
// buckets finds: the look is paid for by so many new connections.
const shortlistSize = 64

// shortlist are the oldest half-open connections of a shard, the next to be
// forgotten last. It is made when the table is full, and again when it is used
// up. The shard's lock guards it.
type shortlist struct {
	n    int
	list [shortlistSize]candidate
	// none is the shard's youngest connection when a look found nothing: until
	// there is a younger one another look would find nothing either.
	none uint64
}

type candidate struct {
	order, word uint64
	index       uint32
}

// halfOpen are the states of connections whose client has not answered yet.
var halfOpen = [States]bool{TCPSynRecv: true, TCPSynAck: true, SCTPInit1: true, SCTPInit: true}

// reclaim ends the oldest half-open connection of sh, whose lock the caller
// holds, or of another shard that nobody has locked, and returns its entry. The
// caller lets the victim's parent go.
func (t *Table) reclaim(sh *shard, victim *Conn) (uint32, bool) {
	if index, ok := t.reclaimFrom(sh, victim); ok {
		return index, true
	}
	for i := range t.shards {
		other := &t.shards[i]
		if other == sh || !other.mu.TryLock() {
			continue
		}
		index, ok := t.reclaimFrom(other, victim)
		other.mu.Unlock()
		if ok {
			return index, true
		}
	}
	return 0, false
}

func (t *Table) reclaimFrom(sh *shard, victim *Conn) (uint32, bool) {
	l := &sh.halfOpen
	for {
		for l.n > 0 {
			l.n--
			c := &l.list[l.n]
			e := &t.entries[c.index]
			if same(c.word, e.state.Load()) && t.shardOf(e.hash.Load()) == sh && e.read(c.index, victim) &&
				halfOpen[victim.State()] && e.children() == 0 && t.kill(sh, c.index, victim) {
				return t.popEntry(sh)
			}
		}
		if l.none == sh.order {
			return 0, false
		}
		t.shortlist(sh)
	}
}

// shortlist looks through the shard's buckets for the oldest half-open
// connections, whose entries may lie in the stretch of any shard.
func (t *Table) shortlist(sh *shard) {
	l := &sh.halfOpen
	for home := range 1 << t.shardShift {
		b := &t.buckets[sh.home+home]
		for range maxChain {
			for set := b.used(); set != 0; set &= set - 1 {
				l.consider(t.entries, b.index[set.first()].Load())
			}
			if b = t.after(b); b == nil {
				break
			}
		}
	}
	if l.n == 0 {
		l.none = sh.order
	}
}

// consider takes the connection at index into the list if it may be forgotten
// and is older than one of those that are there.
func (l *shortlist) consider(entries []entry, index uint32) {
	e := &entries[index]
	word := e.state.Load()
	if word&liveBit == 0 || !halfOpen[word&stateMask] || e.children() != 0 {
		return
	}
	c := candidate{e.order.Load(), word, index}
	if l.n == shortlistSize && c.order >= l.list[0].order {
		return
	}
	// Youngest first, so that the oldest is taken from the end.
	at, _ := slices.BinarySearchFunc(l.list[:l.n], c, func(a, b candidate) int {
		return cmp.Compare(b.order, a.order)
	})
	if l.n == shortlistSize {
		copy(l.list[:at-1], l.list[1:at])
		l.list[at-1] = c
		return
	}
	copy(l.list[at+1:l.n+1], l.list[at:l.n])
	l.list[at] = c
	l.n++
}
