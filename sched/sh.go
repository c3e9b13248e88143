package sched

import "director/packet"

// shBits is the kernel's default, CONFIG_IP_VS_SH_TAB_BITS.
const (
	shBits    = 8
	shBuckets = 1 << shBits
)

// sourceHash takes the server to which the client's address hashes (ip_vs_sh.c), or its
// address and port with the flag Port. Each server has as many buckets in a row as its
// weight. A server with weight 0 has one bucket, too: its clients get no server. With the
// flag Fallback they get the first usable server of a walk through the buckets that
// begins at another bucket. So do the clients of a server that packets cannot reach, with
// or without the flag.
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
	if ok := servers[i].usable(); ok || s.flags&Fallback == 0 && !servers[i].skipped() {
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

// bucket returns the bucket of a flow.
func (s *sourceHash) bucket(flow *packet.Flow) int {
	addr, port := client(flow, s.flags)
	return int(hash32(addr+port, shBits))
}

func (s *sourceHash) Bind(servers Servers, _ *Position)           { s.fill(servers) }
func (s *sourceHash) Added(servers Servers, _ *Position)          { s.fill(servers) }
func (s *sourceHash) Removed(servers Servers, _ int, _ *Position) { s.fill(servers) }
func (s *sourceHash) Edited(servers Servers, _ int, _ *Position)  { s.fill(servers) }

// fill assigns the buckets to the servers, in the order of the list.
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
