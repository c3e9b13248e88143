package sched

import "director/packet"

// Hash32 is the hash of sh, dh and lblc: n bits of an address.
func Hash32(a packet.Addr, port uint16, n int) uint32 { return hash32(fold(a)+uint32(port), n) }

// MaglevSlot is the slot of a client without its port.
func MaglevSlot(a packet.Addr) uint32 { return mhHash(mhKey1, fold(a), 0, 0) % mhSlots }

// MaglevSeat is where a server begins to take slots, and in which steps.
func MaglevSeat(a packet.Addr, port uint16) (offset, skip uint32) {
	s := seats(Servers{{Addr: a, Port: port, LastWeight: 1}})[0]
	return s.next, s.skip
}
