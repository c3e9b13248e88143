package sched

import "director/packet"

// destinationHash takes the server that the destination address hashes to
// (ip_vs_dh.c), whatever the weights. When that one is not usable, none is.
type destinationHash struct{ stateless }

func (d destinationHash) Pick(flow *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	if len(servers) == 0 {
		return 0, false
	}
	// The kernel fills the buckets with the servers in turn.
	i := d.bucket(flow) % len(servers)
	return i, servers[i].usable()
}

// bucket returns which of the kernel's 2^8 buckets a flow falls into.
func (destinationHash) bucket(flow *packet.Flow) int { return int(hash32(fold(flow.Dst), 8)) }
