package conntrack

import "director/packet"

// Hit is a connection that was found where a hint said, as much of it as most
// packets need: it fits into registers. The zero Hit is none.
type Hit struct {
	e       *entry
	word    uint64 // of the state
	server  uint64 // as in entry
	rewrite uint64 // what the packet is rewritten to: address 32 | port 16
}

// Found reports whether there is a connection.
func (h Hit) Found() bool { return h.e != nil }

// Server, Method and Is are those of Conn.
func (h Hit) Server() uint32 { return uint32(h.server >> 32) }

// Method returns the forwarding method the connection was created with.
func (h Hit) Method() uint8 { return uint8(h.server) & methodMask }

// Is reports whether the connection is of that kind.
func (h Hit) Is(k Kind) bool { return uint8(h.server)&uint8(k) != 0 }

// Rewrite returns the address, of IPv4 in host order, and the port that a
// packet of the connection gets: as its destination, the real server's, if it is
// the client's, and as its source, the virtual service's, if it is an answer.
func (h Hit) Rewrite() (addr uint32, port uint16) { return uint32(h.rewrite >> 16), uint16(h.rewrite) }

// hinted returns the entry that a hint names, or nil.
func (t *Table) hinted(h Hint) *entry {
	if i := uint64(h) - 1; i < uint64(len(t.entries)) {
		return &t.entries[i]
	}
	return nil
}

// still reports whether word, which e's state was, is of a connection with IPv4
// addresses (liveBit without wideBit) that has not ended since: its end changes the
// generation.
func (e *entry) still(word uint64) bool {
	return word>>liveShift&3 == 1 && (word^e.state.Load())>>genShift == 0
}

// HitIn is FindIn where there is a hint, for IPv4. It may find nothing although
// there is a connection.
func (t *Table) HitIn(h Hint, f *packet.Flow) Hit {
	e := t.hinted(h)
	if e == nil {
		return Hit{}
	}
	word := e.state.Load()
	addrs, dest, server := e.addrs.Load(), e.dest.Load(), e.server.Load()
	if addrs != f.Src.Lo<<32|uint64(f.Dst.V4()) || uint32(dest) != uint32(f.SrcPort)<<16|uint32(f.DstPort) ||
		uint16(server)&inMask != uint16(f.Proto)<<8 || !e.still(word) {
		return Hit{}
	}
	return Hit{e, word, server, dest>>32<<16 | server>>16&0xffff}
}

// HitOut is FindOut where there is a hint, for IPv4. It may find nothing although
// there is a connection.
func (t *Table) HitOut(h Hint, f *packet.Flow) Hit {
	e := t.hinted(h)
	if e == nil {
		return Hit{}
	}
	word := e.state.Load()
	addrs, dest, server := e.addrs.Load(), e.dest.Load(), e.server.Load()
	if uint32(addrs>>32) != f.Dst.V4() || uint32(dest>>32) != f.Src.V4() ||
		uint32(dest)&0xffff0000|uint32(server>>16)&0xffff != uint32(f.DstPort)<<16|uint32(f.SrcPort) ||
		uint16(server)&outMask != uint16(f.Proto)<<8 || !e.still(word) {
		return Hit{}
	}
	return Hit{e, word, server, addrs<<32>>16 | dest&0xffff}
}

// Steady is Observe for a packet that changes nothing but the connection's
// deadline, which it moves on: a store is enough for that. For any other it
// reports false and does nothing, and for an answer that may be the first to
// assure the parent of the connection.
func (h Hit) Steady(dir Direction, ev Event, now int64, m *Machine, timeouts *Timeouts) bool {
	state, packets := State(h.word&stateMask), packetsOf(h.word)
	if m[dir][ev][state] != state || dir != Out && packets < maxPackets {
		return false
	}
	if dir == Out && uint32(h.e.family.Load()) != 0 && (ev == Datagram || packets < 2) {
		return false
	}
	switch deadline, was := now+timeouts[state], h.e.deadline.Load(); {
	case was < deadline:
		h.e.deadline.Store(deadline)
	case was > deadline: // the time-out was changed
		return false
	}
	return true
}
