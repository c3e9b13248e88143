package replay

import (
	"hash/fnv"

	"director/packet"
)

// workerOf chooses the worker of a frame as a NIC chooses a queue: by a hash of its
// addresses and of its ports if it has any. The two directions of a connection may go to
// different workers, as they do behind a NIC.
func workerOf(frame []byte, workers int) int {
	if workers == 1 {
		return 0
	}
	f := packet.Frame{Buf: frame, Len: int32(len(frame))}
	reason := packet.Parse(&f)
	if f.L3 == 0 {
		return 0
	}
	ip := packet.IPv4(frame[f.L3:])
	h := fnv.New32a()
	h.Write(ip[12:20]) // source and destination
	if reason == packet.None {
		h.Write(frame[f.L4 : f.L4+4]) // their ports
	}
	return int(h.Sum32() % uint32(workers))
}
