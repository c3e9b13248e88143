package sched

import "director/packet"

// destinationHash takes the server to which the destination address hashes
// (ip_vs_dh.c). The weights do not matter. If that server is not usable, none serves.
type destinationHash struct{ stateless }

func (d destinationHash) Pick(flow *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	if len(servers) == 0 {
		return 0, false
	}
	// The kernel assigns the servers to the buckets in turn.
	i := d.bucket(flow) % len(servers)
	return i, servers[i].usable()
}

// bucket returns the bucket of a flow: one of 2^8, as in the kernel.
func (destinationHash) bucket(flow *packet.Flow) int { return int(hash32(fold(flow.Dst), 8)) }
