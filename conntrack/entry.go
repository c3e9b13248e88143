package conntrack

import (
	"director/internal/ordered"
	"director/packet"
)

// entry is one connection, one cache line. While the entry is live its words
// have these parts, most significant first:
//
//	state     generation 16 | number 32 | unused 7 | live 1 | State 8
//	addrs     client 32     | virtual 32            (IPv4, host order)
//	dest      target 32     | client port 16 | virtual port 16
//	server    server 32     | target port 16 | proto 8 | Kind and method 8
//	deadline  nanoseconds on the caller's clock, moved by setDeadline, and on by Steady
//	hash      of the client's side
//	order     when it was made, ascending within its shard; in a dead entry the
//	          index of the next free one, plus 1
//	family    children 32   | index of the parent + 1, or 0
//
// The number is a template's time-out in seconds, else how many packets of the
// client's came, up to maxPackets.
//
// A wider address family keeps its addresses in a second line and a digest of
// them in addrs; nothing else differs.
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
	stateMask   = 0xff
	liveBit     = 1 << 8
	numberShift = 16
	numberOne   = 1 << numberShift
	numberMask  = 0xffffffff << numberShift
	genShift    = 48
	genOne      = 1 << genShift
)

// maxPackets is where counting a client's packets stops: drop_entry asks
// whether there were more than 8.
const maxPackets = 15

const childOne = 1 << 32

// same reports whether two readings of a state word are of one live
// connection.
func same(a, b uint64) bool { return (a^b)>>genShift == 0 && b&liveBit != 0 }

// Conn is a consistent copy of an entry, taken when it was looked up. It stays
// with the worker that took it for one batch.
type Conn struct {
	index                      uint32
	word, addrs, dest, srvWord uint64
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

// Target returns where the client's packets go.
func (c *Conn) Target() (packet.Addr, uint16) {
	return packet.AddrFrom4(uint32(c.dest >> 32)), uint16(c.srvWord >> 16)
}

// Virtual returns what the real server's answers pretend to come from.
func (c *Conn) Virtual() (packet.Addr, uint16) {
	return packet.AddrFrom4(uint32(c.addrs)), uint16(c.dest)
}

// Key returns the connection's key.
func (c *Conn) Key() Key {
	return Key{
		Client:      packet.AddrFrom4(uint32(c.addrs >> 32)),
		Virtual:     packet.AddrFrom4(uint32(c.addrs)),
		ClientPort:  uint16(c.dest >> 16),
		VirtualPort: uint16(c.dest),
		Proto:       uint8(c.srvWord >> 8),
	}
}

// number returns a template's time-out in seconds or a connection's packets.
func (c *Conn) number() uint32 { return uint32(c.word >> numberShift) }

// encode writes everything but the state word of a dead entry.
func (e *entry) encode(n *Record, hash uint64) {
	k, t := &n.Key, &n.Target
	virtual := k.Virtual.V4()
	if n.Is(Template) && n.Mark != 0 {
		virtual = n.Mark
	}
	e.addrs.Store(uint64(k.Client.V4())<<32 | uint64(virtual))
	e.dest.Store(uint64(t.Addr.V4())<<32 | uint64(k.ClientPort)<<16 | uint64(k.VirtualPort))
	e.server.Store(uint64(t.Server)<<32 | uint64(t.Port)<<16 | uint64(k.Proto)<<8 | uint64(t.Method) | uint64(n.Kind))
	e.hash.Store(hash)
	e.deadline.Store(n.Deadline)
}

// read takes a consistent copy of e, or reports false when the entry is dead
// or changed hands meanwhile.
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

// Which parts of the server word a packet's connection must match: the
// protocol, and that it is none of the kinds that packets do not find; for an
// answer, that it masquerades (method 0) besides.
const (
	inMask  = 0xff00 | uint16(Template|AnyPort|Hidden)
	outMask = inMask | methodMask
)

// isIn reports whether f is a client's packet of the connection.
func (c *Conn) isIn(f *packet.Flow) bool {
	return c.addrs == uint64(f.Src.V4())<<32|uint64(f.Dst.V4()) &&
		uint32(c.dest) == uint32(f.SrcPort)<<16|uint32(f.DstPort) &&
		uint16(c.srvWord)&inMask == uint16(f.Proto)<<8
}

// isOut reports whether f is a real server's answer of the connection, which
// then masquerades: other answers do not come by.
func (c *Conn) isOut(f *packet.Flow) bool {
	return uint32(c.addrs>>32) == f.Dst.V4() && uint32(c.dest>>32) == f.Src.V4() &&
		uint16(c.dest>>16) == f.DstPort && uint16(c.srvWord>>16) == f.SrcPort &&
		uint16(c.srvWord)&outMask == uint16(f.Proto)<<8
}
