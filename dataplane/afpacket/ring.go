package afpacket

import "encoding/binary"

// Where things lie in a block and in front of a frame: struct
// tpacket_block_desc and struct tpacket3_hdr of include/uapi/linux/if_packet.h.
const (
	blockStatus = 8  // who owns the block
	blockFrames = 12 // how many frames are in it
	blockFirst  = 16 // offset of the first frame header from the block

	frameNext   = 0  // offset of the next frame header from this one
	frameSnap   = 12 // bytes of the frame that are in the ring
	frameLen    = 16 // bytes that the frame has
	frameStatus = 20 // tpVLAN and others
	frameMAC    = 24 // offset of the Ethernet header from the frame header
	frameTCI    = 32 // the tag that was taken off: priority and VLAN
	frameTPID   = 36 // and its ethertype
	frameHeader = 48 // sizeof(struct tpacket3_hdr)
)

// Values of a block's status and bits of a frame's.
const (
	ownerKernel = 0 // TP_STATUS_KERNEL
	ownerUser   = 1 // TP_STATUS_USER

	tpVLAN     = 1 << 4 // TP_STATUS_VLAN_VALID
	tpVLANType = 1 << 6 // TP_STATUS_VLAN_TPID_VALID
)

// ring walks the blocks that the kernel has filled, in order, and knows which
// of them are still in use. One goroutine uses it; the kernel is at the other
// end of mem.
type ring struct {
	mem  []byte
	size int // bytes in a block

	// held counts, per block, the frames that are lent, and one more for the
	// block that is being walked. At zero the block is the kernel's.
	held []int32

	block int    // being walked, or the next to be
	left  uint32 // frames of it not walked yet; 0: the kernel may still own it
	at    int    // where in mem the header of the next frame is
}

// newRing makes a ring of mem, which is a whole number of blocks.
func newRing(mem []byte, size int) ring {
	return ring{mem: mem, size: size, held: make([]int32, len(mem)/size)}
}

// next returns where in mem the next frame's header lies and the block it lies
// in, which is held once more until it is released for that frame.
func (r *ring) next() (at, block int, ok bool) {
	for r.left == 0 {
		if !r.open() {
			return 0, 0, false
		}
	}
	at, block = r.at, r.block
	r.held[block]++
	r.at += int(binary.NativeEndian.Uint32(r.mem[at+frameNext:]))
	r.left--
	if r.left == 0 {
		r.leave()
	}
	return at, block, true
}

// release gives up one hold on a block, the last of which gives it back to the
// kernel.
func (r *ring) release(block int) {
	r.held[block]--
	if r.held[block] == 0 {
		storeStatus(r.mem, block*r.size+blockStatus, ownerKernel)
	}
}

// open starts on the current block if the kernel has handed it over and it is
// not still held since the last time round.
func (r *ring) open() bool {
	base := r.block * r.size
	if r.held[r.block] != 0 || loadStatus(r.mem, base+blockStatus)&ownerUser == 0 {
		return false
	}
	r.held[r.block] = 1
	r.left = binary.NativeEndian.Uint32(r.mem[base+blockFrames:])
	r.at = base + int(binary.NativeEndian.Uint32(r.mem[base+blockFirst:]))
	if r.left == 0 {
		r.leave()
	}
	return true
}

// leave ends the walk of the current block.
func (r *ring) leave() {
	done := r.block
	r.block++
	if r.block == len(r.held) {
		r.block = 0
	}
	r.release(done)
}
