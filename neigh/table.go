package neigh

import (
	"encoding/binary"
	"net/netip"

	"github.com/gaissmai/bart"

	"director/packet"
)

// Table finds the hops of one Snapshot. It never changes after New. Any number of
// goroutines may read it.
//
// One longest-prefix match finds everything. The trie contains the routes and also, as
// host prefixes, the resolved on-link neighbours and the host's own addresses. So a
// packet costs one walk and no hash.
//
// On a host with few routes, most addresses match only the default route. They need no
// walk: near has one bit for each value of the upper 16 bits of an IPv4 address, which
// is set if any other prefix contains such an address. All bits take 8 KiB.
type Table struct {
	fib     *bart.Fast[*Hop]
	near    [1 << 16 / 64]uint64
	far     *Hop // the hop of the default route
	servers []Hop
	silent  []bool // by server: its next hop is silent; nil: no next hop is
	broken  bool   // some server is unreachable
	ifaces  []Link
	local   packet.AddrSet
	none    *Hop
}

// insert stores the hop of a prefix.
func (t *Table) insert(p netip.Prefix, h *Hop) {
	t.fib.Insert(p, h)
	switch {
	case !p.Addr().Is4():
	case p.Bits() == 0:
		t.far = h
	default:
		first := packet.AddrFrom(p.Masked().Addr()).V4() >> 16
		for half := range uint32(1) << max(0, 16-p.Bits()) {
			half += first
			t.near[half/64] |= 1 << (half % 64)
		}
	}
}

// Server returns the hop of the real server with this id, which is an index of the slice
// given to New. New has computed the hop, so there is no look-up. If the server is an
// address of the host itself, the Reason is packet.LocalServer.
func (t *Table) Server(id uint32) *Hop { return &t.servers[id] }

// Unreachable returns why packets cannot reach the real server with this id, or
// packet.None. The reason is packet.NoRoute, LinkDown, or Neighbor if the next hop is
// silent. If the next hop is being resolved, the reason is packet.None, because frames
// wait for the answer. It is packet.None for an address of the host, too.
func (t *Table) Unreachable(id uint32) packet.Reason {
	switch r := t.servers[id].Reason; {
	case r == packet.NoRoute, r == packet.LinkDown, r == packet.Neighbor && t.silent != nil && t.silent[id]:
		return r
	}
	return packet.None
}

// AllReachable reports whether Unreachable returns packet.None for every server.
func (t *Table) AllReachable() bool { return !t.broken }

// Route returns the hop of dst. The hop is never nil, and Route does not allocate. If dst
// is an address of the host, or is behind an interface that the director does not
// serve, the Reason is packet.NoRoute.
func (t *Table) Route(dst packet.Addr) *Hop {
	if half := dst.V4() >> 16; dst.Is4() && t.near[half/64]&(1<<(half%64)) == 0 {
		return t.far
	}
	return t.walk(dst)
}

func (t *Table) walk(dst packet.Addr) *Hop {
	if h, ok := t.fib.Lookup(unmapped(dst)); ok {
		return h
	}
	return t.none
}

// Local reports whether a is a loopback address or an address of the host. The link
// does not matter. VIPs that the host holds count as its addresses.
func (t *Table) Local(a packet.Addr) bool {
	if a.Is4() && a.V4()>>24 == 127 {
		return true
	}
	return t.local.Has(a)
}

// Interfaces returns the links that carry balanced traffic, by interface number. For a
// number without a link it contains the zero Link, which is down. The caller must not
// change the slice.
func (t *Table) Interfaces() []Link { return t.ifaces }

// unmapped returns the same as packet.Addr.Netip. It is faster for IPv4, because it does
// not convert to 16 bytes first.
func unmapped(a packet.Addr) netip.Addr {
	if a.Is4() {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], a.V4())
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return netip.AddrFrom16(b)
}
