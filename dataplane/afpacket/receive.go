package afpacket

import (
	"encoding/binary"

	"director/packet"
)

// reserve is the number of bytes that the kernel leaves in front of a frame in
// addition to its own headers: packet.Headroom and a restored VLAN tag.
const reserve = packet.Headroom + tagLen

// receiver converts the content of the ring to wire frames. It makes no system calls.
type receiver struct {
	ring   ring
	chunks pool

	super      super // the super-packet being segmented
	superBlock int   // its block, held until the last segment

	stats counters
}

// Tokens: the lowest bit is set if the frame is in a chunk of the port. The other
// bits are the number of the chunk, or of the block if the frame is in the ring.
func blockToken(block int) uint64    { return uint64(block) << 1 }
func chunkToken(chunk uint32) uint64 { return uint64(chunk)<<1 | 1 }

// receive appends frames to b until it is full or there are no more.
func (r *receiver) receive(b *packet.Batch) {
	before := b.N
	for !b.Full() {
		if r.super.pending() {
			if !r.segment(b) {
				break
			}
			continue
		}
		at, block, ok := r.ring.next()
		if !ok {
			break
		}
		r.lend(b, at, block)
	}
	if n := b.N - before; n > 0 {
		r.stats.rx.add(uint64(n))
	}
}

// alloc appends an empty frame in a chunk of the port to b. It returns nil if no
// chunk is free.
func (r *receiver) alloc(b *packet.Batch) *packet.Frame {
	chunk, ok := r.chunks.get()
	if !ok {
		return nil
	}
	f := b.Add()
	f.Buf = r.chunks.bytes(chunk)
	f.Off, f.Len = packet.Headroom, 0
	f.Token = chunkToken(chunk)
	return f
}

// release takes back the memory of a frame.
func (r *receiver) release(f *packet.Frame) {
	if f.Token&1 != 0 {
		r.chunks.put(uint32(f.Token >> 1))
		return
	}
	r.ring.release(int(f.Token >> 1))
}

// segment appends the next segment of the pending super-packet to b. It returns false
// if no chunk is free.
func (r *receiver) segment(b *packet.Batch) bool {
	f := r.alloc(b)
	if f == nil {
		return false
	}
	f.Len = int32(r.super.next(f.Buf[packet.Headroom:]))
	r.stats.rxSegments.add(1)
	if !r.super.pending() {
		r.ring.release(r.superBlock)
	}
	return true
}

// lend handles the frame whose header is at r.ring.mem[at]. It appends the frame to b
// without a copy, or makes it the pending super-packet, or skips and counts it.
func (r *receiver) lend(b *packet.Batch, at, block int) {
	mem := r.ring.mem
	h := mem[at : at+frameHeader]
	snap := int(binary.NativeEndian.Uint32(h[frameSnap:]))
	if snap < int(binary.NativeEndian.Uint32(h[frameLen:])) || snap < ethLen {
		r.skip(block, &r.stats.rxTruncated)
		return
	}
	start := at + int(binary.NativeEndian.Uint16(h[frameMAC:]))
	end := start + snap
	todo := parseOffload(mem[start-vnetLen : start])
	if status := binary.NativeEndian.Uint32(h[frameStatus:]); status&tpVLAN != 0 {
		tpid := uint16(ethVLAN)
		if status&tpVLANType != 0 {
			tpid = binary.NativeEndian.Uint16(h[frameTPID:])
		}
		start = insertTag(mem, start, tpid, uint16(binary.NativeEndian.Uint32(h[frameTCI:])))
		todo.start, todo.field = todo.start+tagLen, todo.field+tagLen
	}
	frame := mem[start:end:end]
	if todo.gso != gsoNone {
		r.begin(frame, todo, block)
		return
	}
	if len(frame) > packet.MaxFrame {
		r.skip(block, &r.stats.rxOversize)
		return
	}
	if todo.needsCsum {
		if !completeChecksum(frame, todo) {
			r.skip(block, &r.stats.rxUnsupported)
			return
		}
		r.stats.rxChecksums.add(1)
	}
	f := b.Add()
	f.Buf = mem[start-packet.Headroom : end : end]
	f.Off, f.Len = packet.Headroom, int32(len(frame))
	f.Token = blockToken(block)
}

// begin makes frame the pending super-packet. If that is not possible, it skips and
// counts the frame.
func (r *receiver) begin(frame []byte, todo offload, block int) {
	if !r.super.begin(frame, todo) {
		r.skip(block, &r.stats.rxUnsupported)
		return
	}
	if r.super.segmentLen() > packet.MaxFrame {
		r.super = super{}
		r.skip(block, &r.stats.rxOversize)
		return
	}
	r.superBlock = block
	r.stats.rxSuper.add(1)
}

// skip skips a frame and increments the counter why.
func (r *receiver) skip(block int, why *counter) {
	why.add(1)
	r.ring.release(block)
}
