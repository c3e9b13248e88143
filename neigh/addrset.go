package neigh

import (
	"math/bits"

	"director/packet"
)

// addrSet is a set of addresses made for asking: open addressing at a load of
// a half at most, no function calls. The zero Addr marks an empty slot and is
// never a member.
type addrSet struct {
	slots []packet.Addr // a power of two of them
	shift int           // 64 - log2(len(slots))
}

func newAddrSet(addrs []packet.Addr) addrSet {
	size := bits.Len(uint(2*len(addrs) + 1))
	s := addrSet{slots: make([]packet.Addr, 1<<size), shift: 64 - size}
	for _, a := range addrs {
		s.slots[s.find(a)] = a
	}
	return s
}

func (s *addrSet) has(a packet.Addr) bool {
	return s.slots[s.find(a)] == a && !a.IsZero()
}

// find returns the slot of a, or the empty one where it would go.
func (s *addrSet) find(a packet.Addr) int {
	// Fibonacci hashing (Knuth, TAOCP 3, 6.4): 2^64 over the golden ratio
	// spreads neighbouring addresses; the top bits are the good ones.
	i := int((a.Lo ^ bits.RotateLeft64(a.Hi, 29)) * 0x9e3779b97f4a7c15 >> s.shift)
	for s.slots[i] != a && !s.slots[i].IsZero() {
		i = (i + 1) & (len(s.slots) - 1)
	}
	return i
}
