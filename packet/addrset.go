package packet

import "math/bits"

// AddrSet is a set of addresses that is built once and then read for every packet.
// It must be made by NewAddrSet. The zero Addr is never a member.
//
// It is an open-addressing table with linear probing. At most a quarter of the slots
// is in use, so nearly every look-up ends at its first slot. The zero Addr marks an
// empty slot.
type AddrSet struct {
	slots []Addr // the length is a power of two
	shift uint8  // 64 - log2(len(slots))
}

// NewAddrSet returns an empty set with room for n addresses.
func NewAddrSet(n int) AddrSet {
	size := bits.Len(uint(4 * n))
	return AddrSet{slots: make([]Addr, 1<<size), shift: uint8(64 - size)}
}

// Add adds an address, which must not be zero. The set must have room for it.
func (s *AddrSet) Add(a Addr) {
	mask := len(s.slots) - 1
	i := s.first(a) & mask
	for !s.slots[i].IsZero() && s.slots[i] != a {
		i = (i + 1) & mask
	}
	s.slots[i] = a
}

// Has reports whether a is in the set.
func (s *AddrSet) Has(a Addr) bool {
	slots := s.slots
	for i := s.first(a); ; i++ {
		switch slot := &slots[i&(len(slots)-1)]; {
		case slot.IsZero():
			return false
		case *slot == a:
			return true
		}
	}
}

// All returns the members in no particular order.
func (s *AddrSet) All() (all []Addr) {
	for _, a := range s.slots {
		if !a.IsZero() {
			all = append(all, a)
		}
	}
	return all
}

// first returns the slot at which the search for a begins, modulo the number of
// slots. It is a Fibonacci hash (Knuth, TAOCP 3, section 6.4): the multiplication by
// 2^64 divided by the golden ratio spreads neighbouring addresses, and the top bits
// depend on all bits of the address.
func (s *AddrSet) first(a Addr) int {
	h := (a.Lo ^ bits.RotateLeft64(a.Hi, 29)) * 0x9e3779b97f4a7c15
	return int(h >> (s.shift & 63))
}
