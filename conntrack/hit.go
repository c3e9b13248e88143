package conntrack

import "director/packet"

// Hit is a connection that was found by a hint. It contains only the words that most
// packets need, so it fits into registers. The zero Hit means that none was found.
type Hit struct {
	e       *entry
	word    uint64 // of the state
	server  uint64 // as in entry
	rewrite uint64 // what the packet is rewritten to: address 32 | port 16
}

// Found reports whether a connection was found.
func (h Hit) Found() bool { return h.e != nil }

// Server returns the number of the real server.
func (h Hit) Server() uint32 { return uint32(h.server >> 32) }

// Method returns the forwarding method the connection was created with.
func (h Hit) Method() uint8 { return uint8(h.server) & methodMask }

// Is reports whether the connection is of that kind.
func (h Hit) Is(k Kind) bool { return uint8(h.server)&uint8(k) != 0 }

// Hash returns the hash of the client's side.
func (h Hit) Hash() uint64 { return h.e.hash.Load() }

// Rewrite returns the IPv4 address, in host order, and the port to write into the packet.
// A client's packet gets those of the real server as its destination. An answer gets
// those of the virtual service as its source.
func (h Hit) Rewrite() (addr uint32, port uint16) { return uint32(h.rewrite >> 16), uint16(h.rewrite) }

// hinted returns the entry that a hint names, or nil.
func (t *Table) hinted(h Hint) *entry {
	if i := uint64(h) - 1; i < uint64(len(t.entries)) {
		return &t.entries[i]
	}
	return nil
}

// still reports whether word, an earlier value of e.state, belongs to a connection with
// IPv4 addresses (liveBit without wideBit) that has not ended since. The end of a
// connection changes the generation.
func (e *entry) still(word uint64) bool {
	return word>>liveShift&3 == 1 && (word^e.state.Load())>>genShift == 0
}

// HitIn looks up the connection of a client's IPv4 packet by a hint. It may find nothing
// although there is a connection: FindIn then finds it.
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

// HitOut looks up the connection of a real server's IPv4 answer by a hint. It may find
// nothing although there is a connection: FindOut then finds it.
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

// Steady does what Observe does, for a packet that only makes the deadline of the
// connection later. A plain store is enough for that. For any other packet it returns
// false and changes nothing. It also returns false for an answer that may be the first
// one, because Observe must then mark the connection as answered and the parent as
// assured.
func (h Hit) Steady(dir Direction, ev Event, now int64, m *Machine, timeouts *Timeouts) bool {
	state, packets := State(h.word&stateMask), packetsOf(h.word)
	if m[dir][ev][state] != state || dir != Out && packets < maxPackets {
		return false
	}
	if dir == Out && (h.word&answeredBit == 0 || uint32(h.e.family.Load()) != 0 && (ev == Datagram || packets < manyPackets)) {
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
