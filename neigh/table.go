package neigh

import (
	"encoding/binary"
	"net/netip"

	"github.com/gaissmai/bart"

	"director/packet"
)

// Table answers for one Snapshot. It never changes after New and is read by
// any number of goroutines.
//
// One longest-prefix match answers everything: resolved on-link neighbours and
// the host's own addresses lie in the same trie as the routes, as host
// prefixes, so a packet pays for one walk and no hash.
//
// Most addresses of a host with few routes lie in nothing but the default one:
// near has a bit for each first half of an IPv4 address under which there is
// anything else, so that they need no walk at all. All of it is 8 KiB.
type Table struct {
	fib     bart.Fast[*Hop]
	near    [1 << 16 / 64]uint64
	far     *Hop // of the default route
	servers []Hop
	ifaces  []Link
	local   packet.AddrSet
	none    Hop
}

// insert gives a prefix its hop.
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

// Server returns how packets leave for the real server with this id, an index
// of the slice given to New. It is worked out beforehand: no look-up. The
// Reason of a server that is an address of the host itself is
// packet.LocalServer.
func (t *Table) Server(id uint32) *Hop { return &t.servers[id] }

// Route returns how packets leave for dst. It is never nil and does not
// allocate. A destination behind an interface that the director does not serve, or
// an address of the host, is packet.NoRoute.
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
	return &t.none
}

// Local reports whether a is an address of the host, on whatever link, the
// VIPs it holds included, or a loopback address.
func (t *Table) Local(a packet.Addr) bool {
	if a.Is4() && a.V4()>>24 == 127 {
		return true
	}
	return t.local.Has(a)
}

// Interfaces returns the links that carry balanced traffic; the index is the interface
// number. A number without a link has the zero Link, which is down. The caller
// must not change it.
func (t *Table) Interfaces() []Link { return t.ifaces }

// unmapped is packet.Addr.Netip without its detour over 16 bytes for IPv4.
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
