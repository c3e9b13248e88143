package packet

import (
	"encoding/binary"
	"net/netip"
)

// Addr is an IP address of either family as two machine words in host order,
// so that comparing and hashing never loops over bytes. IPv4 is held in its
// IPv4-mapped form (RFC 4291 §2.5.5.2): Hi is 0 and Lo is 0x0000ffff_aabbccdd.
// The zero Addr is "::". No packet that the director handles carries it, so it
// means "no address".
type Addr struct {
	Hi, Lo uint64
}

// v4Prefix is the upper half of Lo of every IPv4-mapped address.
const v4Prefix = 0xffff << 32

// AddrFrom4 converts an IPv4 address in host order to an Addr.
func AddrFrom4(v4 uint32) Addr { return Addr{Lo: v4Prefix | uint64(v4)} }

// AddrFrom converts a netip.Addr. It drops the zone. An invalid address becomes
// the zero Addr.
func AddrFrom(a netip.Addr) Addr {
	if !a.IsValid() {
		return Addr{}
	}
	b := a.As16()
	return Addr{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// MustAddr parses s and panics if s is not an address. It is for tests and
// literals.
func MustAddr(s string) Addr { return AddrFrom(netip.MustParseAddr(s)) }

// Is4 reports whether a is an IPv4 address.
func (a Addr) Is4() bool { return a.Hi == 0 && a.Lo>>32 == 0xffff }

// IsZero reports whether a is the zero Addr.
func (a Addr) IsZero() bool { return a == Addr{} }

// V4 returns an IPv4 address in host order. Precondition: a.Is4().
func (a Addr) V4() uint32 { return uint32(a.Lo) }

// Reserved reports whether an IPv4 address is in a block that has no unicast
// addresses: "this network" (0/8, RFC 1122 §3.2.1.3), multicast (224/4, RFC 5771), or
// class E with the limited broadcast address (240/4, RFC 1112 §4). Precondition:
// a.Is4().
func (a Addr) Reserved() bool {
	top := a.V4() >> 24
	return top == 0 || top >= 224
}

// Netip converts a to a netip.Addr. An IPv4 address is returned unmapped.
func (a Addr) Netip() netip.Addr {
	if a.IsZero() {
		return netip.Addr{}
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return netip.AddrFrom16(b).Unmap()
}

func (a Addr) String() string { return a.Netip().String() }

// MAC is an Ethernet address.
type MAC [6]byte

// IsZero reports whether m is unset.
func (m MAC) IsZero() bool { return m == MAC{} }

func (m MAC) String() string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, 17)
	for i, v := range m {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hex[v>>4], hex[v&15])
	}
	return string(b)
}
