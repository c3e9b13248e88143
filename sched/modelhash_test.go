package sched_test

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"director/packet"
	"director/sched"
)

// hashModel has a table of servers.
type hashModel struct {
	name  string
	flags sched.Flags
	head  *dest
	table []*dest
}

func (m *hashModel) added(*dest)   { m.deal() }
func (m *hashModel) removed(*dest) { m.deal() }
func (m *hashModel) edited(*dest) {
	if m.name != "dh" {
		m.deal()
	}
}

// deal fills the table.
func (m *hashModel) deal() {
	list := m.head.all()
	m.table = nil
	if len(list) == 0 {
		return
	}
	switch m.name {
	case "dh":
		for i := range 256 {
			m.table = append(m.table, list[i%len(list)])
		}
	case "sh":
		for i := 0; len(m.table) < 256; i = (i + 1) % len(list) {
			for range max(list[i].weight, 1) {
				m.table = append(m.table, list[i])
			}
		}
	case "mh":
		m.table = maglev(list)
	}
}

// maglev fills the slots one turn of one server after the other. A server's
// share is that of its last weight other than 0.
func maglev(list []*dest) []*dest {
	var heaviest, gcd int64
	for _, d := range list {
		heaviest = max(heaviest, d.last)
		a, b := gcd, d.last
		for a > 0 && b > 0 { // Euclid by subtraction
			if a > b {
				a -= b
			} else {
				b -= a
			}
		}
		gcd = a + b
	}
	if heaviest == 0 {
		return nil
	}
	table := make([]*dest, 4093)
	next := make([]uint32, len(list))
	shift := max(0, bits.Len64(uint64(heaviest/gcd))-6)
	for taken := 0; ; {
		for i, d := range list {
			if d.last == 0 {
				continue
			}
			offset := mhHash(2654435761, d.addr, d.port, 0) % 4093
			skip := mhHash(2654446892, d.addr, d.port, 0)%4092 + 1
			for range max(1, d.last/gcd>>shift) {
				slot := (offset + next[i]*skip) % 4093
				for table[slot] != nil {
					next[i]++
					slot = (offset + next[i]*skip) % 4093
				}
				table[slot] = d
				if taken++; taken == 4093 {
					return table
				}
			}
		}
	}
}

// folded adds the words of an IPv6 address without carry.
func folded(a packet.Addr) (sum uint32) {
	if a.Is4() {
		return a.V4()
	}
	b := a.Netip().As16()
	for i := 0; i < 16; i += 4 {
		sum ^= binary.BigEndian.Uint32(b[i:])
	}
	return sum
}

func mhHash(key uint64, a packet.Addr, port uint16, offset uint32) uint32 {
	var message [4]byte
	binary.LittleEndian.PutUint32(message[:], offset+uint32(port)+folded(a))
	return uint32(sipHash(key, key, message[:]))
}

// pick looks f up in the table, and with the fallback flag walks on from there
// while the servers found are not usable.
func (m *hashModel) pick(f *packet.Flow, _ int64) *dest {
	if len(m.table) == 0 {
		return nil
	}
	addr, port := f.Src, uint16(0)
	if m.flags&sched.Port != 0 {
		port = f.SrcPort
	}
	if m.name == "dh" {
		addr = f.Dst
	}
	hash := uint32(uint64(folded(addr)+uint32(port)) * 0x61C88647 % (1 << 32) >> 24)
	if m.name == "mh" {
		hash = mhHash(2654435761, addr, port, 0) % 4093
	}
	if m.table[hash].usable() {
		return m.table[hash]
	}
	if m.flags&sched.Fallback == 0 || !slices.ContainsFunc(m.table, (*dest).usable) {
		return nil
	}
	for k := range uint32(len(m.table)) {
		slot := (2*hash + k) % 256
		if m.name == "mh" {
			slot = mhHash(2654435761, addr, port, (hash+k)%4093) % 4093
		}
		if m.table[slot].usable() {
			return m.table[slot]
		}
	}
	return nil
}
