package conntrack

import (
	"director/internal/ordered"
	"director/packet"
)

// extension contains the data that only some connections need in addition to their entry.
// It has the same index and takes two cache lines. An IPv4 connection without a mark does
// not use it. A word is valid only if the state word of the entry has the bit in
// parentheses; otherwise it still has the value of an earlier connection. The most
// significant part of a word is listed first:
//
//	addrs   client, virtual, target: upper half, lower half       (wideBit)
//	marks   firewall mark 32 | time-out in seconds 32             (markedBit)
//	ports   local port 16 | unused 48                             (pairBit)
//
//	local   local address: upper half, lower half                 (pairBit)
//	shifts  of the client's numbers, then the server's, two each: (pairBit)
//	        from 32 | by 32
//	        before 32 | unused 32
//	second  unused: the hash of the second tuple                  (pairBit)
type extension struct {
	addrs [6]ordered.Uint64
	marks ordered.Uint64
	ports ordered.Uint64

	local  [2]ordered.Uint64
	shifts [4]ordered.Uint64
	second ordered.Uint64
	_      [8]byte
}

// write writes the parts of r that the state word in c announces.
func (x *extension) write(r *Record, c *Conn) {
	if c.word&wideBit != 0 {
		for i, a := range c.wide {
			x.addrs[2*i].Store(a.Hi)
			x.addrs[2*i+1].Store(a.Lo)
		}
	}
	if c.word&markedBit != 0 {
		x.marks.Store(uint64(r.Mark)<<32 | uint64(r.Timeout))
	}
	if c.word&pairBit != 0 {
		x.ports.Store(uint64(r.LocalPort) << 48)
		x.local[0].Store(r.Local.Hi)
		x.local[1].Store(r.Local.Lo)
		for i, s := range [...]Shift{r.ClientShift, r.ServerShift} {
			x.shifts[2*i].Store(uint64(s.From)<<32 | uint64(uint32(s.By)))
			x.shifts[2*i+1].Store(uint64(uint32(s.Before)) << 32)
		}
	}
}

// readAddrs reads the client's, the virtual and the target's address.
func (x *extension) readAddrs(to *[3]packet.Addr) {
	for i := range to {
		to[i] = packet.Addr{Hi: x.addrs[2*i].Load(), Lo: x.addrs[2*i+1].Load()}
	}
}

// read reads the other parts that a state word announces.
func (x *extension) read(word uint64, r *Record) {
	if word&markedBit != 0 {
		marks := x.marks.Load()
		r.Mark, r.Timeout = uint32(marks>>32), uint32(marks)
	}
	if word&pairBit != 0 {
		r.LocalPort = uint16(x.ports.Load() >> 48)
		r.Local = packet.Addr{Hi: x.local[0].Load(), Lo: x.local[1].Load()}
		for i, s := range [...]*Shift{&r.ClientShift, &r.ServerShift} {
			from, before := x.shifts[2*i].Load(), x.shifts[2*i+1].Load()
			*s = Shift{From: uint32(from >> 32), By: int32(from), Before: int32(before >> 32)}
		}
	}
}

// Mark returns the firewall mark of the connection that c is a copy of, as long as
// the connection lives.
func (t *Table) Mark(c *Conn) uint32 {
	if c.word&markedBit == 0 {
		return 0
	}
	return uint32(t.extensions[c.index].marks.Load() >> 32)
}

// timeout returns the time-out, in seconds, of the template at index.
func (t *Table) timeout(index uint32) uint32 { return uint32(t.extensions[index].marks.Load()) }

// setTimeout changes the time-out of a template. The caller holds the lock of its
// shard.
func (t *Table) setTimeout(index, seconds uint32) {
	marks := &t.extensions[index].marks
	marks.Store(marks.Load()&^(1<<32-1) | uint64(seconds))
}
