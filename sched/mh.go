package sched

import (
	"math/bits"
	"slices"

	"director/packet"
)

// mhSlots is the size of the table, which is a prime. It is the kernel's default:
// CONFIG_IP_VS_MH_TAB_INDEX 12.
const mhSlots = 4093

// The keys of the two hashes (ip_vs_mh.c).
const (
	mhKey1 = 2654435761
	mhKey2 = 2654446892
)

// mhTurnBits limits how many slots a server takes in one turn while the table is filled.
// It is half of the table's index, 12.
const mhTurnBits = 6

// maglev takes the server of the slot to which the client's address hashes, or its
// address and port with the flag Port (ip_vs_mh.c, after Eisenbud et al., "Maglev", NSDI
// 2016). All directors with the same servers, added in the same order, have the same
// table. When a server is added or removed, most of the table stays the same. If the
// server is not usable, none serves. With the flag Fallback, or if packets cannot reach
// the server, the first usable server of a sequence that depends on the client serves.
type maglev struct {
	flags Flags
	slots []int32 // indices into the list; empty if no server has a weight
	stale bool    // the slots belong to an older list
}

func mhHash(k uint64, addr, port, offset uint32) uint32 { return sipHash13(offset+port+addr, k) }

func (m *maglev) Pick(flow *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	if m.stale {
		m.fill(servers)
	}
	if len(m.slots) == 0 {
		return 0, false
	}
	addr, port := client(flow, m.flags)
	slot := uint32(m.bucket(flow))
	i := m.slots[slot]
	if ok := servers[i].usable(); ok || m.flags&Fallback == 0 && !servers[i].skipped() {
		return int(i), ok
	}
	// Without this check, each packet would cost as many hashes as there are slots when
	// no server is usable.
	if !servers.usable() {
		return 0, false
	}
	for k := range uint32(mhSlots) {
		i := m.slots[mhHash(mhKey1, addr, port, (slot+k)%mhSlots)%mhSlots]
		if servers[i].usable() {
			return int(i), true
		}
	}
	return 0, false
}

// bucket returns the slot of a flow.
func (m *maglev) bucket(flow *packet.Flow) int {
	addr, port := client(flow, m.flags)
	return int(mhHash(mhKey1, addr, port, 0) % mhSlots)
}

// seat is a server that takes slots: the slot that it prefers next, the distance to the
// one after that, and the number of slots of one turn.
type seat struct {
	server     int32
	next, skip uint32
	turns      int64
}

func seats(servers Servers) []seat {
	var gcd, heaviest int64
	for i := range servers {
		w := int64(servers[i].LastWeight)
		gcd, heaviest = divisor(gcd, w), max(heaviest, w)
	}
	if heaviest == 0 {
		return nil
	}
	shift := max(0, bits.Len64(uint64(heaviest/gcd))-mhTurnBits)
	var all []seat
	for i := range servers {
		s := &servers[i]
		if s.LastWeight == 0 {
			continue
		}
		addr, port := fold(s.Addr), uint32(s.Port)
		all = append(all, seat{
			server: int32(i),
			next:   mhHash(mhKey1, addr, port, 0) % mhSlots,
			skip:   mhHash(mhKey2, addr, port, 0)%(mhSlots-1) + 1,
			turns:  max(1, int64(s.LastWeight)/gcd>>shift),
		})
	}
	return all
}

// The slots are assigned at the next pick, so many changes at once cost no more than
// one.

func (m *maglev) Bind(Servers, *Position)         { m.stale = true }
func (m *maglev) Added(Servers, *Position)        { m.stale = true }
func (m *maglev) Removed(Servers, int, *Position) { m.stale = true }
func (m *maglev) Edited(Servers, int, *Position)  { m.stale = true }

// fill assigns the slots. The servers take turns in the order of the list. In its turn a
// server takes those free slots that it prefers.
func (m *maglev) fill(servers Servers) {
	m.slots, m.stale = m.slots[:0], false
	all := seats(servers)
	if len(all) == 0 {
		return
	}
	m.slots = slices.Grow(m.slots, mhSlots)[:mhSlots]
	for i := range m.slots {
		m.slots[i] = -1
	}
	taken := 0
	for {
		for i := range all {
			s := &all[i]
			for range s.turns {
				for m.slots[s.next] >= 0 {
					s.next = (s.next + s.skip) % mhSlots
				}
				m.slots[s.next] = s.server
				if taken++; taken == mhSlots {
					return
				}
			}
		}
	}
}
