package sched_test

import (
	"encoding/binary"
	"math/bits"

	"director/packet"
	"director/sched"
)

// table fills the table of a hashing scheduler, as often as the list changes.
func (m *model) table() []int {
	var table []int
	switch m.name {
	case "dh":
		for i := range 256 {
			table = append(table, i%len(m.list))
		}
	case "sh":
		for i := 0; len(table) < 256; i = (i + 1) % len(m.list) {
			for range max(m.list[i].Weight, 1) {
				table = append(table, i)
			}
		}
	case "mh":
		table = m.maglev()
	}
	return table
}

// maglev fills the slots one turn of one server after the other.
func (m *model) maglev() []int {
	heaviest := int64(0)
	for i := range m.list {
		heaviest = max(heaviest, int64(m.list[i].Weight))
	}
	if heaviest == 0 {
		return nil
	}
	gcd, _ := m.rounds()
	table := make([]int, 4093)
	for i := range table {
		table[i] = -1
	}
	next := make([]uint32, len(m.list))
	for taken := 0; ; {
		for i, s := range m.list {
			if s.Weight == 0 {
				continue
			}
			offset := mhHash(2654435761, s.Addr, s.Port, 0) % 4093
			skip := mhHash(2654446892, s.Addr, s.Port, 0)%4092 + 1
			for range max(1, int64(s.Weight)/gcd>>max(0, bits.Len64(uint64(heaviest/gcd))-6)) {
				slot := (offset + next[i]*skip) % 4093
				for ; table[slot] >= 0; slot = (offset + next[i]*skip) % 4093 {
					next[i]++
				}
				table[slot] = i
				if taken++; taken == 4093 {
					return table
				}
			}
		}
	}
}

func mhHash(key uint64, a packet.Addr, port uint16, offset uint32) uint32 {
	var message [4]byte
	binary.LittleEndian.PutUint32(message[:], offset+uint32(port)+a.V4())
	return uint32(sipHash(key, key, message[:]))
}

// hashed looks f up in the table, and with the fallback flag walks on from there
// while the servers found are not usable.
func (m *model) hashed(f *packet.Flow) (int, bool) {
	if len(m.buckets) == 0 {
		return 0, false
	}
	addr, port := f.Src, uint16(0)
	if m.flags&sched.Port != 0 {
		port = f.SrcPort
	}
	if m.name == "dh" {
		addr, port = f.Dst, 0
	}
	hash := uint32(uint64(addr.V4()+uint32(port)) * 0x61C88647 % (1 << 32) >> 24)
	if m.name == "mh" {
		hash = mhHash(2654435761, addr, port, 0) % 4093
	}
	if i := m.buckets[hash]; m.list[i].Weight > 0 || m.name == "dh" || m.flags&sched.Fallback == 0 {
		return i, m.list[i].Weight > 0
	}
	for k := range uint32(len(m.buckets)) {
		slot := (2*hash + k) % 256
		if m.name == "mh" {
			slot = mhHash(2654435761, addr, port, (hash+k)%4093) % 4093
		}
		if i := m.buckets[slot]; m.list[i].Weight > 0 {
			return i, true
		}
	}
	return 0, false
}
