package conntrack

import (
	"math/bits"

	"director/internal/ordered"
)

const (
	// slots is the number of connections of a bucket.
	slots = 8
	// lanes is how many tags a word holds, of laneBits each.
	lanes    = 4
	laneBits = 16
)

// bucket is one cache line: the tags of its connections, where they lie, and the
// number of the next bucket of the chain, plus 1. A slot is in lane slot%lanes of
// tags[slot/lanes]; its tag is 0 when it is free. Whoever writes holds the lock of
// the bucket's shard. Readers may find a tag whose index belongs to a connection
// that came later: they ask the entry itself.
type bucket struct {
	tags  [slots / lanes]ordered.Uint64
	index [slots]ordered.Uint32
	next  ordered.Uint64
	_     [8]byte
}

// tagOf returns the tag of a hash: bits that have no part in the bucket's number.
func tagOf(hash uint64) uint64 { return hash&(1<<laneBits-1) | 1 }

// A word with a one in each lane, and one with the uppermost bit of each.
const (
	laneOnes = 1<<48 | 1<<32 | 1<<16 | 1
	laneTops = laneOnes << (laneBits - 1)
)

// match returns a set of the slots that have the tag, and maybe some that do not:
// those behind one that does whose tag, or 0 where they are free, differs in the
// lowest bit alone. Both words
// are compared whole, lane by lane: which slot matches is what a processor cannot
// foresee.
func (b *bucket) match(tag uint64) slotSet {
	all := tag * laneOnes
	return slotSet(zeroLanes(b.tags[0].Load()^all)>>15 | zeroLanes(b.tags[1].Load()^all)>>14)
}

// used returns the set of the slots that are not free.
func (b *bucket) used() slotSet {
	// Tags are odd: a used lane has its lowest bit set.
	return slotSet(b.tags[0].Load()&laneOnes | b.tags[1].Load()&laneOnes<<1)
}

// zeroLanes returns the uppermost bit of each lane of w that is 0, and maybe of
// those behind one that are 1 (Hacker's Delight §6-1).
func zeroLanes(w uint64) uint64 { return (w - laneOnes) &^ w & laneTops }

// slotSet is a set of slots: bit 16*lane + word for each.
type slotSet uint64

// allSlots has all of them.
const allSlots slotSet = laneOnes * 3

// first returns the first slot of a set that is not empty.
func (s slotSet) first() int {
	bit := bits.TrailingZeros64(uint64(s))
	return (bit/laneBits + bit%laneBits*lanes) & (slots - 1)
}

// after returns the next bucket of b's chain, or nil.
func (t *Table) after(b *bucket) *bucket {
	next := b.next.Load()
	if next == 0 {
		return nil
	}
	return &t.overflow[next-1]
}

// put fills a free slot. The tag comes last: who sees it finds the index.
func (b *bucket) put(slot int, tag uint64, index uint32) {
	b.index[slot].Store(index)
	word := &b.tags[slot/lanes]
	word.Store(word.Load() | tag<<(slot%lanes*laneBits))
}

// clear empties the slot of the connection at index, if the bucket has it.
func (b *bucket) clear(tag uint64, index uint32) bool {
	for set := b.match(tag); set != 0; set &= set - 1 {
		slot := set.first()
		word, shift := &b.tags[slot/lanes], slot%lanes*laneBits
		if b.index[slot].Load() == index && word.Load()>>shift&(1<<laneBits-1) == tag {
			word.Store(word.Load() &^ ((1<<laneBits - 1) << shift))
			return true
		}
	}
	return false
}
