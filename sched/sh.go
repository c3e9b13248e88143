package sched

import "director/packet"

// The kernel's default, CONFIG_IP_VS_SH_TAB_BITS.
const (
	shBits    = 8
	shBuckets = 1 << shBits
)

// sourceHash takes the server that the client's address hashes to
// (ip_vs_sh.c), with the flag Port its address and port. Of the buckets each
// server has as many in a row as it weighs. One of weight 0 has a bucket all the
// same: those clients get no server, or, with the flag Fallback, the first
// usable one of a walk through the buckets that begins elsewhere.
type sourceHash struct {
	flags   Flags
	buckets [shBuckets]int32 // indices into the list
}

func (s *sourceHash) Pick(flow *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	if len(servers) == 0 {
		return 0, false
	}
	hash := uint32(s.bucket(flow))
	i := s.buckets[hash]
	if ok := servers[i].usable(); ok || s.flags&Fallback == 0 {
		return int(i), ok
	}
	for k := range uint32(shBuckets) {
		i := s.buckets[(2*hash+k)%shBuckets]
		if servers[i].usable() {
			return int(i), true
		}
	}
	return 0, false
}

// bucket returns which bucket a flow falls into.
func (s *sourceHash) bucket(flow *packet.Flow) int {
	addr, port := client(flow, s.flags)
	return int(hash32(addr+port, shBits))
}

func (s *sourceHash) Bind(servers Servers, _ *Position)           { s.fill(servers) }
func (s *sourceHash) Added(servers Servers, _ *Position)          { s.fill(servers) }
func (s *sourceHash) Removed(servers Servers, _ int, _ *Position) { s.fill(servers) }
func (s *sourceHash) Edited(servers Servers, _ int, _ *Position)  { s.fill(servers) }

// fill deals out the buckets, in the order of the list.
func (s *sourceHash) fill(servers Servers) {
	if len(servers) == 0 {
		return
	}
	i, left := 0, max(1, servers[0].Weight)
	for b := range s.buckets {
		if left == 0 {
			i = (i + 1) % len(servers)
			left = max(1, servers[i].Weight)
		}
		s.buckets[b] = int32(i)
		left--
	}
}
