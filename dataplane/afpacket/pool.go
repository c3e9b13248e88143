package afpacket

import "director/packet"

const (
	// chunkSize holds the headroom and the longest frame.
	chunkSize = 2048
	// chunkCount is enough for a batch of segments and for a batch of frames from
	// each of two other interfaces, with one batch to spare. All chunks are free
	// again at the end of the worker's step.
	chunkCount = 4 * packet.BatchSize
)

// pool is the port's own memory for frames that are not in the ring. It is a stack of
// free chunks. The chunk that was used last, which is most likely in the cache, is on
// top.
type pool struct {
	mem  []byte
	free []uint32
}

func newPool() pool {
	p := pool{mem: make([]byte, chunkCount*chunkSize), free: make([]uint32, chunkCount)}
	for i := range p.free {
		p.free[i] = uint32(chunkCount - 1 - i)
	}
	return p
}

// get takes a chunk; ok is false if there is none.
func (p *pool) get() (chunk uint32, ok bool) {
	n := len(p.free)
	if n == 0 {
		return 0, false
	}
	chunk, p.free = p.free[n-1], p.free[:n-1]
	return chunk, true
}

// put returns a chunk.
func (p *pool) put(chunk uint32) { p.free = append(p.free, chunk) }

// bytes returns the memory of a chunk.
func (p *pool) bytes(chunk uint32) []byte {
	at := int(chunk) * chunkSize
	return p.mem[at : at+chunkSize : at+chunkSize]
}
