package conntrack

import (
	"math/bits"

	"director/internal/ordered"
)

const (
	// slots is the number of connections that a bucket holds.
	slots = 8
	// lanes is the number of tags in a word. Each tag has laneBits bits.
	lanes    = 4
	laneBits = 16
)

// bucket is one cache line. It holds the tags of its connections, the indexes of their
// entries, and the number of the next bucket of the chain, plus 1. The tag of a slot is
// in lane slot%lanes of tags[slot/lanes]; a free slot has the tag 0. A writer holds the
// lock of the bucket's shard. A reader holds no lock, so it may see a tag together with
// the index of a later connection. It must therefore compare the entry itself.
type bucket struct {
	tags  [slots / lanes]ordered.Uint64
	index [slots]ordered.Uint32
	next  ordered.Uint64
	_     [8]byte
}

// tagOf returns the tag of a hash: bits that do not select the bucket. It is odd, so
// it differs from the tag of a free slot.
func tagOf(hash uint64) uint64 { return hash&(1<<laneBits-1) | 1 }

// laneOnes has the lowest bit of each lane, laneTops the highest.
const (
	laneOnes = 1<<48 | 1<<32 | 1<<16 | 1
	laneTops = laneOnes << (laneBits - 1)
)

// match returns the set of the slots that have the tag. The set may also hold a wrong
// slot: one after a matching slot of the same word, whose tag differs only in the lowest
// bit (a free slot counts as tag 0). Callers must therefore check the entry. All lanes
// of both words are compared at once, without branches, because a processor cannot
// predict which slot matches.
func (b *bucket) match(tag uint64) slotSet {
	all := tag * laneOnes
	return slotSet(zeroLanes(b.tags[0].Load()^all)>>15 | zeroLanes(b.tags[1].Load()^all)>>14)
}

// used returns the set of the slots that hold a connection.
func (b *bucket) used() slotSet {
	// Tags are odd: a used lane has its lowest bit set.
	return slotSet(b.tags[0].Load()&laneOnes | b.tags[1].Load()&laneOnes<<1)
}

// zeroLanes returns the highest bit of each lane of w that is 0. A lane that is 1 may
// be reported too, if a lane below it is 0 (Hacker's Delight §6-1).
func zeroLanes(w uint64) uint64 { return (w - laneOnes) &^ w & laneTops }

// slotSet is a set of slots. Each slot has the bit 16*lane + word.
type slotSet uint64

// allSlots is the set of all slots.
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

// put fills a free slot. It writes the tag last, so a reader that sees the tag also
// sees the index.
func (b *bucket) put(slot int, tag uint64, index uint32) {
	b.index[slot].Store(index)
	word := &b.tags[slot/lanes]
	word.Store(word.Load() | tag<<(slot%lanes*laneBits))
}

// clear clears the slot of the connection at index. It returns false if the bucket has
// no such slot.
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
