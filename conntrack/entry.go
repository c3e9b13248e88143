package conntrack

import (
	"director/internal/ordered"
	"director/packet"
)

// entry is one connection, one cache line. While the entry is live its words
// have these parts, most significant first:
//
//	state     generation 16 | Flags 11 | parts 5 | packets 24 | State 8
//	addrs     client 32     | virtual 32            (IPv4, host order)
//	dest      target 32     | client port 16 | virtual port 16
//	server    server 32     | target port 16 | proto 8 | Kind and method 8
//	deadline  nanoseconds on the caller's clock, moved by setDeadline, and on by Steady
//	hash      of the client's side
//	order     when it was made, ascending within its shard; in a dead entry the
//	          index of the next free one, plus 1
//	family    children 32   | index of the parent + 1, or 0
//
// The parts of the state word say whether the entry is live, whether it is being
// changed, and which parts of its extension belong to it. A connection with
// addresses that are not IPv4 keeps all three in the extension; addrs and the
// target in dest are then 0.
type entry struct {
	state    ordered.Uint64
	addrs    ordered.Uint64
	dest     ordered.Uint64
	server   ordered.Uint64
	deadline ordered.Int64
	hash     ordered.Uint64
	order    ordered.Uint64
	family   ordered.Uint64
}

// Parts of the state word.
const (
	stateMask    = 0xff
	packetsShift = 8
	packetOne    = 1 << packetsShift
	packetsMask  = 1<<24 - 1 // enough for the thresholds and periods of the sync protocol

	liveShift = 32
	liveBit   = 1 << liveShift
	// wideBit: the addresses are in the extension.
	wideBit = 1 << 33
	// changingBit is set while words of a live entry that belong together change: see
	// whole.
	changingBit = 1 << 34
	// markedBit: the firewall mark and the time-out are in the extension.
	markedBit = 1 << 35
	// pairBit: the second line of the extension belongs to the connection.
	pairBit = 1 << 36

	flagsShift  = 37
	flagsMask   = 1<<11 - 1
	answeredBit = uint64(Answered) << flagsShift
	assuredBit  = uint64(Assured) << flagsShift

	genShift = 48
	genOne   = 1 << genShift
	genMask  = 0xffff << genShift
)

// maxPackets is where counting a client's packets stops. The thinner asks whether
// there were more than 8, and up to here a packet changes the state word. The word
// has room for packetsMask.
const maxPackets = 15

const childOne = 1 << 32

// same reports whether two readings of a state word are of one live
// connection.
func same(a, b uint64) bool { return (a^b)>>genShift == 0 && b&liveBit != 0 }

// packetsOf returns the number of packets in a state word.
func packetsOf(word uint64) uint32 { return uint32(word) >> packetsShift }

// whole reports whether all words of the entry belong to one connection. That is always
// so while no goroutine changes the entry. A process that takes the table over from one
// that may have died at any point asks it:
//
//   - An insertion makes the entry live by its last write.
//   - A removal makes it dead by its first one.
//   - FillPort, which changes words that belong together, sets changingBit before
//     and clears it after. Each word that other changes write may change alone.
//
// Buckets, free lists, due times and numbers of children follow from the entries
// that are whole.
func (e *entry) whole() bool { return e.state.Load()&(liveBit|changingBit) == liveBit }

// beginChange says that words of a live entry that belong together change until
// endChange. It is an atomic addition, which no later store overtakes, and which the
// compiler keeps. The caller holds the lock of the entry's shard, so there is one change
// at a time; a worker may change the state meanwhile.
func (t *Table) beginChange(e *entry) {
	e.state.Add(changingBit)
	t.step()
}

// endChange says that the words of the entry belong together again.
func (t *Table) endChange(e *entry) {
	t.step()
	e.state.Add(-changingBit & (1<<64 - 1))
	t.step()
}

// step is called between the writes of a change. A test stops there.
func (t *Table) step() {
	if t.stepped != nil {
		t.stepped()
	}
}

// Conn is a consistent copy of an entry, taken when it was looked up. It stays
// with the worker that took it for one batch.
type Conn struct {
	index                      uint32
	word, addrs, dest, srvWord uint64
	wide                       [3]packet.Addr // client, virtual, target; valid by wideBit
}

// SetFlag sets a flag of a connection. It returns false if the flag was set before, or if
// the connection has ended.
func (t *Table) SetFlag(c *Conn, f Flags) bool {
	e := &t.entries[c.index]
	for {
		word := e.state.Load()
		with := word | uint64(f)<<flagsShift
		if !same(c.word, word) || with == word {
			return false
		}
		if e.state.CompareAndSwap(word, with) {
			return true
		}
	}
}

// State returns the state the connection was in when the copy was taken.
func (c *Conn) State() State { return State(c.word & stateMask) }

// Server returns the number of the real server.
func (c *Conn) Server() uint32 { return uint32(c.srvWord >> 32) }

// Method returns the forwarding method the connection was created with.
func (c *Conn) Method() uint8 { return uint8(c.srvWord) & methodMask }

// Ref returns the name of the connection.
func (c *Conn) Ref() Ref { return refOf(c.word, c.index) }

// refOf names the connection at index whose state word is word.
func refOf(word uint64, index uint32) Ref { return Ref(word>>genShift<<32 | uint64(index+1)) }

// Is reports whether the connection is of that kind.
func (c *Conn) Is(k Kind) bool { return uint8(c.srvWord)&uint8(k) != 0 }

func (c *Conn) isWide() bool { return c.word&wideBit != 0 }

// Target returns where the client's packets go.
func (c *Conn) Target() (packet.Addr, uint16) {
	if c.isWide() {
		return c.wide[2], uint16(c.srvWord >> 16)
	}
	return packet.AddrFrom4(uint32(c.dest >> 32)), uint16(c.srvWord >> 16)
}

// Virtual returns what the real server's answers pretend to come from.
func (c *Conn) Virtual() (packet.Addr, uint16) {
	if c.isWide() {
		return c.wide[1], uint16(c.dest)
	}
	return packet.AddrFrom4(uint32(c.addrs)), uint16(c.dest)
}

// Key returns the connection's key.
func (c *Conn) Key() Key {
	virtual, port := c.Virtual()
	client := packet.AddrFrom4(uint32(c.addrs >> 32))
	if c.isWide() {
		client = c.wide[0]
	}
	return Key{
		Client:      client,
		Virtual:     virtual,
		ClientPort:  uint16(c.dest >> 16),
		VirtualPort: port,
		Proto:       uint8(c.srvWord >> 8),
	}
}

// serverID returns the number of the real server.
func (e *entry) serverID() uint32 { return uint32(e.server.Load() >> 32) }

// packets returns how many packets the client sent, up to maxPackets.
func (c *Conn) packets() uint32 { return packetsOf(c.word) }

// encode makes c the copy of an entry that holds r, as far as r says: its index
// and generation are 0.
func (c *Conn) encode(r *Record) {
	c.index = 0
	c.word = liveBit | uint64(r.State) | uint64(min(r.Packets, packetsMask))<<packetsShift |
		uint64(r.Flags&flagsMask)<<flagsShift
	c.addrs, c.dest = 0, uint64(r.ClientPort)<<16|uint64(r.VirtualPort)
	c.srvWord = uint64(r.Server)<<32 | uint64(r.Target.Port)<<16 | uint64(r.Proto)<<8 | uint64(r.Method) | uint64(r.Kind)
	if r.Wide() {
		c.word |= wideBit
		c.wide = [3]packet.Addr{r.Client, r.Virtual, r.Addr}
	} else {
		c.addrs = uint64(r.Client.V4())<<32 | uint64(r.Virtual.V4())
		c.dest |= uint64(r.Addr.V4()) << 32
	}
	if r.Mark != 0 || r.Timeout != 0 || r.Is(Template) {
		c.word |= markedBit
	}
	if r.Paired() {
		c.word |= pairBit
	}
}

// write writes r, which c encodes, to the dead entry at index, all but the state
// word.
func (t *Table) write(index uint32, r *Record, c *Conn, hash uint64) {
	e := &t.entries[index]
	e.addrs.Store(c.addrs)
	e.dest.Store(c.dest)
	e.server.Store(c.srvWord)
	e.hash.Store(hash)
	e.deadline.Store(r.Deadline)
	if c.word&(wideBit|markedBit|pairBit) != 0 {
		t.extensions[index].write(r, c)
	}
	if t.streams != nil {
		both := &t.streams[index].ways
		both[0].forget()
		both[1].forget()
	}
}

// read takes a consistent copy of e without the addresses of its extension, or
// reports false when the entry is dead or changed hands meanwhile.
func (e *entry) read(index uint32, c *Conn) bool {
	word := e.state.Load()
	if word&liveBit == 0 {
		return false
	}
	// Word by word: a whole Conn would be put together elsewhere and copied by
	// wider loads than it was stored by, for which the processor waits.
	c.index, c.word = index, word
	c.addrs, c.dest, c.srvWord = e.addrs.Load(), e.dest.Load(), e.server.Load()
	return same(word, e.state.Load())
}

// take is read with the addresses of the extension.
func (t *Table) take(index uint32, c *Conn) bool {
	return t.entries[index].read(index, c) && (!c.isWide() || t.widen(c))
}

// widen reads the addresses of the extension into the copy of an entry that has some.
// It reports false when the entry changed hands since.
func (t *Table) widen(c *Conn) bool {
	t.extensions[c.index].readAddrs(&c.wide)
	return same(c.word, t.entries[c.index].state.Load())
}

// Which parts of the server word a packet's connection must match: the
// protocol, and that it is none of the kinds that packets do not find; for an
// answer, that it masquerades (method 0) besides.
const (
	inMask  = 0xff00 | uint16(Template|AnyPort|Hidden)
	outMask = inMask | methodMask
)

// isIn reports whether f is a client's packet of the connection, which has IPv4
// addresses.
func (c *Conn) isIn(f *packet.Flow) bool {
	return c.addrs == f.Src.Lo<<32|uint64(f.Dst.V4()) && c.isBetween(f.SrcPort, f.DstPort, f.Proto) &&
		!c.isWide() && f.Src.Is4() && f.Dst.Is4()
}

// isWideIn is isIn for a connection with other addresses, which it reads into c.
func (t *Table) isWideIn(c *Conn, f *packet.Flow) bool {
	return c.isBetween(f.SrcPort, f.DstPort, f.Proto) && t.widen(c) && c.wide[0] == f.Src && c.wide[1] == f.Dst
}

// isBetween reports whether clients' packets with these ports and that protocol may
// find the connection.
func (c *Conn) isBetween(client, virtual uint16, proto uint8) bool {
	return uint32(c.dest) == uint32(client)<<16|uint32(virtual) && uint16(c.srvWord)&inMask == uint16(proto)<<8
}

// isOut reports whether f is a real server's answer of the connection, which has
// IPv4 addresses. It then masquerades: other answers do not come by.
func (c *Conn) isOut(f *packet.Flow) bool {
	return uint32(c.addrs>>32) == f.Dst.V4() && uint32(c.dest>>32) == f.Src.V4() && c.isFrom(f) &&
		!c.isWide() && f.Src.Is4() && f.Dst.Is4()
}

// isWideOut is isOut for a connection with other addresses, which it reads into c.
func (t *Table) isWideOut(c *Conn, f *packet.Flow) bool {
	return c.isFrom(f) && t.widen(c) && c.wide[0] == f.Dst && c.wide[2] == f.Src
}

// isFrom reports whether answers with the ports and the protocol of f may find the
// connection.
func (c *Conn) isFrom(f *packet.Flow) bool {
	return uint16(c.dest>>16) == f.DstPort && uint16(c.srvWord>>16) == f.SrcPort && uint16(c.srvWord)&outMask == uint16(f.Proto)<<8
}
