package conntrack

import "director/packet"

// Key names a connection from its client's side. A persistence template has
// client port 0 and the client's address without the bits that do not count; that
// of a firewall mark has neither a virtual address and port nor a protocol.
type Key struct {
	Client, Virtual         packet.Addr
	ClientPort, VirtualPort uint16
	Proto                   uint8
}

// KeyOf returns the key of a client's packet.
func KeyOf(f *packet.Flow) Key {
	return Key{f.Src, f.Dst, f.SrcPort, f.DstPort, f.Proto}
}

// Target is the real server of a connection: where its packets go, how
// (Method is service.Method, which the table only keeps) and the server's
// number.
type Target struct {
	Addr   packet.Addr
	Port   uint16
	Method uint8
	Server uint32
}

// Kind is what else a connection is.
type Kind uint8

// The kinds, beside the method in an entry.
const (
	// Template remembers the server of a persistent client.
	Template Kind = 1 << 7
	// AnyPort: the client's port is not known yet, its key has 0.
	AnyPort Kind = 1 << 6
	// Engine: a template that a persistence engine's data belong to.
	Engine Kind = 1 << 5
	// Hidden: no packet finds the entry. It lives until its deadline, or until
	// the connections that it controls have ended.
	Hidden Kind = 1 << 4
	// Helper: an application helper reads the packets.
	Helper Kind = 1 << 3

	// Kinds are all of them.
	Kinds = Template | AnyPort | Engine | Hidden | Helper

	methodMask = 0x07
)

// Flags are marks of a connection on which the forwarding of its packets does not
// depend. The state word of an entry has room for 11.
type Flags uint16

// The flags.
const (
	// Synced: it came from another director.
	Synced Flags = 1 << iota
	// NeedsSync: another director is to be told of it.
	NeedsSync
	// Cookie: its SYN was answered with a cookie.
	Cookie
	// Displaced: its server is not the one that the scheduler would choose now.
	Displaced
	// SeenFailing: an ICMP error about it has counted as a failure of its server.
	SeenFailing
	// Answered: the real server has sent a packet.
	Answered
	// Assured: a full table does not evict it. Observe sets the flag: see assures.
	Assured

	// AllFlags are all of them.
	AllFlags = 1<<iota - 1
)

// Shift is by how much the sequence numbers of one side of a TCP connection are
// moved: those after From by By, those up to it by Before (struct ip_vs_seq).
type Shift struct {
	From       uint32
	By, Before int32
}

// Record is everything that a table knows of one connection or template. It is
// what is inserted, listed, saved and restored.
type Record struct {
	Key
	Target
	Kind     Kind
	Flags    Flags
	State    State
	Packets  uint32 // of the client's so far, counted up to a limit
	Timeout  uint32 // of a template, in seconds
	Mark     uint32 // the firewall mark of its service, 0 if the service has none
	Deadline int64  // when it expires, on the table's clock
	Order    int64  // when it was made, on the table's clock; the greater is the younger
	Data     string // of the persistence engine, for a template of kind Engine

	// Local and LocalPort are what the real server sees as the client, where that is
	// not the client's own address and port. ClientShift and ServerShift move the
	// sequence numbers that each side sends. The table keeps them; no packet uses
	// them yet.
	Local                    packet.Addr
	LocalPort                uint16
	ClientShift, ServerShift Shift

	// ID names the connection in its table, and Parent the connection that
	// controls it, which does not end before it. Parent is 0 if there is none.
	ID, Parent Ref
	Parental   bool // it is the parent of others
}

// Reset makes r the record of a new connection: all other fields become zero. It
// writes field by field, because Go builds a composite literal on the stack first and
// copies it from there.
func (r *Record) Reset(key Key, to Target) {
	r.Key, r.Target = key, to
	r.Kind, r.Flags, r.State = 0, 0, 0
	r.Packets, r.Timeout, r.Mark = 0, 0, 0
	r.Deadline, r.Order, r.Data = 0, 0, ""
	r.Local, r.LocalPort = packet.Addr{}, 0
	r.ClientShift, r.ServerShift = Shift{}, Shift{}
	r.ID, r.Parent, r.Parental = 0, 0, false
}

// Is reports whether the connection is of that kind.
func (r *Record) Is(k Kind) bool { return r.Kind&k != 0 }

// Wide reports whether the connection has an address that is not IPv4. A target that
// is not set has no address.
func (r *Record) Wide() bool {
	return !r.Client.Is4() || !r.Virtual.Is4() || !r.Addr.Is4() && !r.Addr.IsZero()
}

// Paired reports whether the connection has a second tuple or moves sequence
// numbers.
func (r *Record) Paired() bool {
	// Without a branch: it is asked for every new connection, and nearly always false.
	c, s := &r.ClientShift, &r.ServerShift
	return r.Local.Hi|r.Local.Lo|uint64(r.LocalPort)|uint64(c.From|s.From)|
		uint64(uint32(c.By|c.Before|s.By|s.Before)) != 0
}

// Ref names a connection among all that the table ever held: an index plus 1, and
// the generation of what lies there. The zero Ref names none.
type Ref uint64

func (r Ref) index() uint32 { return uint32(r) - 1 }

// word is a state word of the connection, as far as its generation goes.
func (r Ref) word() uint64 { return uint64(r) >> 32 << genShift }

// record fills in r from an entry of which c is a copy.
func (t *Table) record(e *entry, c *Conn, r *Record) {
	addr, port := c.Target()
	*r = Record{
		Key:      c.Key(),
		Target:   Target{Addr: addr, Port: port, Method: c.Method(), Server: c.Server()},
		Kind:     Kind(c.srvWord) &^ methodMask,
		Flags:    Flags(c.word >> flagsShift & flagsMask),
		State:    c.State(),
		Packets:  c.packets(),
		Deadline: e.deadline.Load(),
		Order:    int64(e.order.Load()),
		ID:       c.Ref(),
		Parental: e.children() != 0,
	}
	if c.word&(markedBit|pairBit) != 0 {
		t.extensions[c.index].read(c.word, r)
	}
	if r.Is(Engine) {
		r.Data = t.data.get(c.index)
	}
	// A parent does not end before its child, so its generation is that of c's
	// parent as long as c lives.
	if parent := uint32(e.family.Load()); parent != 0 {
		r.Parent = refOf(t.entries[parent-1].state.Load(), parent-1)
	}
}

// read copies the connection at index to r, or reports false when there is none.
func (t *Table) read(index uint32, r *Record) bool {
	e := &t.entries[index]
	var c Conn
	if !t.take(index, &c) {
		return false
	}
	t.record(e, &c, r)
	return same(c.word, e.state.Load())
}
