package sched

import "director/packet"

// destinationHash takes the server to which the destination address hashes
// (ip_vs_dh.c). The weights do not matter. If that server is not usable, none serves. If
// packets cannot reach it, the next usable server of the list serves.
type destinationHash struct{ stateless }

func (d destinationHash) Pick(flow *packet.Flow, _ int64, servers Servers, _ *Position) (int, bool) {
	if len(servers) == 0 {
		return 0, false
	}
	// The kernel assigns the servers to the buckets in turn.
	i := d.bucket(flow) % len(servers)
	if !servers[i].skipped() {
		return i, servers[i].usable()
	}
	for range servers {
		if i = (i + 1) % len(servers); servers[i].usable() {
			return i, true
		}
	}
	return 0, false
}

// bucket returns the bucket of a flow: one of 2^8, as in the kernel.
func (destinationHash) bucket(flow *packet.Flow) int { return int(hash32(fold(flow.Dst), 8)) }
