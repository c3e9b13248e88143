package afpacket

import "director/packet"

const (
	BlockSize = 128 << 10
	Reserve   = reserve

	GSOTCP4 = gsoTCP4
	GSOTCP6 = gsoTCP6
	GSOUDP  = gsoUDP
)

// Receiver is a port without sockets. The test takes the role of the kernel on its
// memory.
type Receiver struct{ receiver }

func NewReceiver(mem []byte, size int) *Receiver {
	return &Receiver{receiver{ring: newRing(mem, size), chunks: newPool()}}
}

func (r *Receiver) Recv(b *packet.Batch) { r.receive(b) }

func (r *Receiver) Alloc(b *packet.Batch) bool { return !b.Full() && r.alloc(b) != nil }

func (r *Receiver) Flush(b *packet.Batch) {
	for i := range b.Frames[:b.N] {
		r.release(&b.Frames[i])
	}
	b.N = 0
}

func (r *Receiver) Counters() Counters { return r.stats.snapshot() }

func LoadStatus(mem []byte, at int) uint32     { return loadStatus(mem, at) }
func StoreStatus(mem []byte, at int, v uint32) { storeStatus(mem, at, v) }

// Segments returns the segments of a super-packet, or nil if it cannot be segmented.
func Segments(frame []byte, gso uint8, size uint16, needsCsum bool) [][]byte {
	var s super
	if !s.begin(frame, offload{gso: gso, size: size, needsCsum: needsCsum}) {
		return nil
	}
	longest := s.segmentLen()
	var out [][]byte
	for s.pending() {
		seg := make([]byte, longest)
		out = append(out, seg[:s.next(seg)])
	}
	return out
}

// Complete completes the checksum at offset field of a frame. The checksummed data
// begins at offset start.
func Complete(frame []byte, start, field int) bool {
	return completeChecksum(frame, offload{needsCsum: true, start: start, field: field})
}
