package afpacket_test

import (
	"encoding/binary"

	"director/dataplane/afpacket"
	"director/packet"
)

// fakeFrame describes one frame as tpacket_rcv writes it.
type fakeFrame struct {
	data      []byte
	snap      int // bytes kept; 0: all
	gso       uint8
	size      uint16
	needsCsum bool
	start     uint16 // of the checksum
	offset    uint16 // of the checksum field from start
	tpid, tci uint16 // the removed tag; tpid 0: none
}

// fakeKernel takes the role of the kernel on the ring.
type fakeKernel struct {
	mem   []byte
	size  int
	block int
}

func newFakeKernel(blocks, size int) *fakeKernel {
	return &fakeKernel{mem: make([]byte, blocks*size), size: size}
}

func (k *fakeKernel) blocks() int { return len(k.mem) / k.size }

// owns reports whether a block belongs to the kernel.
func (k *fakeKernel) owns(block int) bool {
	return afpacket.LoadStatus(k.mem, block*k.size+8) == 0
}

// fill writes frames into the next block and passes the block to the user. It returns
// false if the user still owns the block.
func (k *fakeKernel) fill(frames ...fakeFrame) bool {
	if !k.owns(k.block) {
		return false
	}
	ne := binary.NativeEndian
	b := k.mem[k.block*k.size : (k.block+1)*k.size]
	ne.PutUint32(b[12:], uint32(len(frames)))
	ne.PutUint32(b[16:], 48)
	at := 48
	for i, f := range frames {
		n := f.write(b[at:])
		ne.PutUint32(b[at:], uint32(n))
		if i == len(frames)-1 {
			ne.PutUint32(b[at:], 0) // as prb_close_block
		}
		at += n
	}
	afpacket.StoreStatus(k.mem, k.block*k.size+8, 1|1<<5) // user, by time-out
	k.block = (k.block + 1) % k.blocks()
	return true
}

// write writes the frame with its headers and returns the number of bytes that it
// occupies.
func (f fakeFrame) write(h []byte) int {
	ne := binary.NativeEndian
	mac := 96 + afpacket.Reserve + 10 - 14
	snap := f.snap
	if snap == 0 {
		snap = len(f.data)
	}
	clear(h[:mac])
	ne.PutUint32(h[12:], uint32(snap))
	ne.PutUint32(h[16:], uint32(len(f.data)))
	ne.PutUint16(h[24:], uint16(mac))
	ne.PutUint16(h[26:], uint16(mac+14))
	if f.tpid != 0 {
		ne.PutUint32(h[20:], 1|1<<4|1<<6)
		ne.PutUint32(h[32:], uint32(f.tci))
		ne.PutUint16(h[36:], f.tpid)
	}
	v := h[mac-10:]
	if f.needsCsum {
		v[0] = 1
	}
	v[1] = f.gso
	ne.PutUint16(v[4:], f.size)
	ne.PutUint16(v[6:], f.start)
	ne.PutUint16(v[8:], f.offset)
	copy(h[mac:], f.data[:snap])
	return (mac + snap + 15) &^ 15
}

// numbered returns a frame of n bytes that contains a number after its Ethernet
// header.
func numbered(number uint32, n int) []byte {
	b := make([]byte, n)
	binary.BigEndian.PutUint32(b[14:], number)
	return b
}

// drain receives and returns all frames, and calls each for every frame.
func drain(r *afpacket.Receiver, each func(*packet.Frame)) {
	var b packet.Batch
	for {
		r.Recv(&b)
		if b.N == 0 {
			return
		}
		for i := range b.Frames[:b.N] {
			each(&b.Frames[i])
		}
		r.Flush(&b)
	}
}
