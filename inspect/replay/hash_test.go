package replay_test

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"testing"
)

// This file computes the expected results of the schedulers that hash clients. It uses
// the formulas of the IPVS sheet's §1 and not the director's code. This test checks the
// formulas with the sheet's own numbers.
func TestHashFormulas_GiveTheSheetsNumbers(t *testing.T) {
	for _, v := range []struct {
		addr                   string
		eight, port, ten, slot int // slot -1: not in the sheet
	}{
		{"10.0.0.1", 39, 203, 159, 3711}, {"10.0.0.2", 137, 45, 550, -1},
		{"192.168.1.100", 89, 253, 357, 1341}, {"203.0.113.7", 124, 32, 499, -1},
	} {
		a := addr32(v.addr)
		if hash32(a, 8) != v.eight || hash32(a+40000, 8) != v.port || hash32(a, 10) != v.ten {
			t.Errorf("%s: %d %d %d, want %+v", v.addr, hash32(a, 8), hash32(a+40000, 8), hash32(a, 10), v)
		}
		if slot := int(mhHash(mhKey1, a, 0, 0) % mhSize); v.slot >= 0 && slot != v.slot {
			t.Errorf("%s: slot %d, want %d", v.addr, slot, v.slot)
		}
	}
	for _, v := range []struct {
		addr         string
		offset, skip int
	}{{"10.0.0.1", 3167, 700}, {"10.0.0.2", 1231, 3544}} {
		if offset, skip := mhPlace(addr32(v.addr), 80); offset != v.offset || skip != v.skip {
			t.Errorf("%s: offset %d, skip %d, want %d and %d", v.addr, offset, skip, v.offset, v.skip)
		}
	}
}

// hashed holds the servers of the computed cases in the order in which they were
// added: 10.0.0.11:8080 and so on. The scheduler has them in the reverse order.
type hashed struct{ weights []int }

func (h hashed) addr(server int) string { return fmt.Sprintf("10.0.0.%d", 11+server) }

// hash32 is the multiplicative hash with the given number of bits.
func hash32(x uint32, n int) int { return int(x * 0x61C88647 >> (32 - n)) }

func addr32(s string) uint32 {
	a := netip.MustParseAddr(s).As4()
	return binary.BigEndian.Uint32(a[:])
}

// shTable gives each of 256 buckets a server.
func (h hashed) shTable() (table []int) {
	for len(table) < 256 {
		for i := len(h.weights) - 1; i >= 0; i-- {
			for range max(h.weights[i], 1) {
				table = append(table, i)
			}
		}
	}
	return table[:256]
}

// sh returns the server of a client without sh-fallback.
func (h hashed) sh(client uint32) int { return h.shTable()[hash32(client, 8)] }

// shFallback probes buckets, from twice the number of the client's bucket on.
func (h hashed) shFallback(client uint32) int {
	table, first := h.shTable(), hash32(client, 8)
	if server := table[first]; h.weights[server] > 0 {
		return server
	}
	for k := range 256 {
		if server := table[(2*first+k)%256]; h.weights[server] > 0 {
			return server
		}
	}
	return -1
}

const (
	mhSize = 4093
	mhKey1 = 2654435761
	mhKey2 = 2654446892
)

// mh returns the server of a client. The weights are small, so the number of a server's
// turns is its weight.
func (h hashed) mh(addr uint32, port uint16) int {
	table := make([]int, mhSize)
	for i := range table {
		table[i] = -1
	}
	at, skip := make([]int, len(h.weights)), make([]int, len(h.weights))
	for i := range at {
		at[i], skip[i] = mhPlace(addr32(h.addr(i)), 8080)
	}
	for full := 0; full < mhSize; {
		for i := len(at) - 1; i >= 0; i-- {
			for turn := 0; turn < h.weights[i] && full < mhSize; turn++ {
				for table[at[i]] >= 0 {
					at[i] = (at[i] + skip[i]) % mhSize
				}
				table[at[i]] = i
				full++
			}
		}
	}
	return table[mhHash(mhKey1, addr, port, 0)%mhSize]
}

func mhPlace(addr uint32, port uint16) (offset, skip int) {
	return int(mhHash(mhKey1, addr, port, 0) % mhSize), int(mhHash(mhKey2, addr, port, 0)%(mhSize-1)) + 1
}

// mhHash is SipHash-1-3 of four bytes under a key of two equal halves.
func mhHash(key uint64, addr uint32, port uint16, offset uint32) uint32 {
	v := [4]uint64{key ^ 0x736f6d6570736575, key ^ 0x646f72616e646f6d, key ^ 0x6c7967656e657261, key ^ 0x7465646279746573}
	round := func() {
		v[0] += v[1]
		v[2] += v[3]
		v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
		v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
		v[0] = bits.RotateLeft64(v[0], 32)
		v[2] += v[1]
		v[0] += v[3]
		v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
		v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
		v[2] = bits.RotateLeft64(v[2], 32)
	}
	last := uint64(4)<<56 | uint64(addr+uint32(port)+offset)
	v[3] ^= last
	round()
	v[0] ^= last
	v[2] ^= 0xff
	for range 3 {
		round()
	}
	return uint32(v[0] ^ v[1] ^ v[2] ^ v[3])
}

// computed holds the checks with computed expectations, by number.
var computed = map[int]struct {
	name  string
	write func(*scenario) error
}{
	7: {"sh-forty-clients", func(s *scenario) error {
		h := hashed{[]int{1, 2, 3}}
		return s.forty(h, "sh", h.shOf)
	}},
	8: {"sh-port-fallback", func(s *scenario) error {
		h := hashed{[]int{1, 2, 0}}
		return s.forty(h, "sh -b sh-fallback,sh-port", func(addr uint32, port uint16) int {
			return h.shFallback(addr + uint32(port))
		})
	}},
	9: {"mh-port", func(s *scenario) error {
		h := hashed{[]int{1, 2, 3}}
		return s.forty(h, "mh -b mh-port", h.mh)
	}},
}

func (h hashed) shOf(addr uint32, _ uint16) int { return h.sh(addr) }

// forty adds to the case one connection each of forty clients. It expects for each the
// server that choose returns.
func (s *scenario) forty(h hashed, scheduler string, choose func(uint32, uint16) int) error {
	text := []string{"-A -t 192.0.2.10:80 -s " + scheduler}
	for i, w := range h.weights {
		text = append(text, fmt.Sprintf("-a -t 192.0.2.10:80 -r %s:8080 -m -w %d", h.addr(i), w))
	}
	for i := range 40 {
		client, port := fmt.Sprintf("198.51.100.%d", 1+5*i), uint16(40000+7*i)
		ends := fmt.Sprintf("%s:%d > ", client, port)
		text = append(text, fmt.Sprintf("in %d eth0 %s192.0.2.10:80 tcp S", i, ends),
			fmt.Sprintf("out eth1 %s%s:8080 tcp S ttl=63", ends, h.addr(choose(addr32(client), port))))
	}
	for _, line := range text {
		if err := s.line(line); err != nil {
			return err
		}
	}
	return nil
}
