package steer

import (
	"encoding/binary"

	"director/packet"
)

// Endpoint is one end of balanced traffic. Port is in host order; Proto is
// packet.ProtoTCP or packet.ProtoUDP.
type Endpoint struct {
	Addr  packet.Addr
	Port  uint16
	Proto uint8
}

// Set says which frames are the director's: those whose Ethernet destination
// is the address of the interface they arrived on, and that go to a service,
// or come from a real server to anywhere but the host.
type Set struct {
	Services []Endpoint
	Reals    []Endpoint         // real servers that answer through the director (NAT)
	Locals   []packet.Addr      // every address of the host, VIPs included
	MACs     map[int]packet.MAC // by interface index
}

// The keys and values of the maps, laid out as in bpf/steer.h: addresses and
// ports in network order.
type (
	address  [16]byte
	endpoint struct {
		Addr     address
		Port     [2]byte
		Proto    uint8
		Fragment uint8
	}
	mac     [8]byte
	present uint8
)

func addressOf(a packet.Addr) (k address) {
	binary.BigEndian.PutUint64(k[:8], a.Hi)
	binary.BigEndian.PutUint64(k[8:], a.Lo)
	return k
}

// endpointsOf returns the map entries of list: each endpoint, and each
// (address, protocol) once more for its fragments.
func endpointsOf(list []Endpoint) map[endpoint]present {
	entries := make(map[endpoint]present, 2*len(list))
	for _, e := range list {
		k := endpoint{Addr: addressOf(e.Addr), Proto: e.Proto, Fragment: 1}
		entries[k] = 1
		k.Fragment = 0
		binary.BigEndian.PutUint16(k.Port[:], e.Port)
		entries[k] = 1
	}
	return entries
}

func addressesOf(list []packet.Addr) map[address]present {
	entries := make(map[address]present, len(list))
	for _, a := range list {
		entries[addressOf(a)] = 1
	}
	return entries
}

func macsOf(byIndex map[int]packet.MAC) map[uint32]mac {
	entries := make(map[uint32]mac, len(byIndex))
	for i, m := range byIndex {
		var v mac
		copy(v[:], m[:])
		entries[uint32(i)] = v
	}
	return entries
}
