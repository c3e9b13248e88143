package steer

import (
	"encoding/binary"

	"director/packet"
)

// The keys and values of the maps, with the layout of bpf/maps.h. Addresses and
// ports are in network order.
type (
	address  [16]byte
	endpoint struct {
		Addr     address
		Port     [2]byte
		Proto    uint8
		Fragment uint8
	}
	prefix struct {
		Bits  uint32
		Proto uint8
		Zero  [3]byte
		Addr  address
	}
	mac      [8]byte
	present  uint8
	standing uint8
)

// The kinds of a local address.
const (
	host standing = 1 // the host's own, and not a VIP
	vip  standing = 2
)

func addressOf(a packet.Addr) (k address) {
	binary.BigEndian.PutUint64(k[:8], a.Hi)
	binary.BigEndian.PutUint64(k[8:], a.Lo)
	return k
}

// prefixOf masks the address, because the kernel treats 10.0.0.1/8 and 10.0.0.0/8
// as the same entry. The bits in front of an IPv4 address are those of the
// protocol's word and of the mapped form.
func prefixOf(p Prefix) prefix {
	masked := p.Prefix.Masked()
	k := prefix{Bits: 32 + uint32(masked.Bits()), Proto: p.Proto, Addr: addressOf(packet.AddrFrom(masked.Addr()))}
	if masked.Addr().Is4() {
		k.Bits += 96
	}
	return k
}

func macOf(m packet.MAC) (v mac) {
	copy(v[:], m[:])
	return v
}
