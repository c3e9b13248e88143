package afpacket

import "encoding/binary"

// Offsets in a block and in the header of a frame: struct tpacket_block_desc and
// struct tpacket3_hdr of include/uapi/linux/if_packet.h.
const (
	blockStatus = 8  // owner of the block
	blockFrames = 12 // number of frames in the block
	blockFirst  = 16 // offset of the first frame header from the start of the block

	frameNext   = 0  // offset of the next frame header from this one
	frameSnap   = 12 // number of bytes of the frame that are in the ring
	frameLen    = 16 // length of the frame
	frameStatus = 20 // tpVLAN and other bits
	frameMAC    = 24 // offset of the Ethernet header from the frame header
	frameTCI    = 32 // the removed tag: priority and VLAN
	frameTPID   = 36 // the ethertype of the removed tag
	frameHeader = 48 // sizeof(struct tpacket3_hdr)
)

// Values of the status of a block, and bits of the status of a frame.
const (
	ownerKernel = 0 // TP_STATUS_KERNEL
	ownerUser   = 1 // TP_STATUS_USER

	tpVLAN     = 1 << 4 // TP_STATUS_VLAN_VALID
	tpVLANType = 1 << 6 // TP_STATUS_VLAN_TPID_VALID
)

// ring reads the blocks that the kernel has filled, in order, and counts the frames
// of each that are in use. One goroutine uses it. The kernel is the other user of
// mem.
type ring struct {
	mem  []byte
	size int // bytes in a block

	// held counts for each block the frames that are lent, plus one for the block
	// that is being read. A block with 0 belongs to the kernel.
	held []int32

	block int    // the block that is being read, or the next one
	left  uint32 // number of frames in it that are not read yet; 0: the kernel may still own it
	at    int    // offset in mem of the next frame header
}

// newRing returns a ring on mem. The length of mem must be a multiple of the block
// size.
func newRing(mem []byte, size int) ring {
	return ring{mem: mem, size: size, held: make([]int32, len(mem)/size)}
}

// next returns the offset in mem of the next frame header, and its block. The block
// is held once more until it is released for this frame.
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

// release releases one hold on a block. The last release returns the block to the
// kernel.
func (r *ring) release(block int) {
	r.held[block]--
	if r.held[block] == 0 {
		storeStatus(r.mem, block*r.size+blockStatus, ownerKernel)
	}
}

// open starts to read the current block. It returns false if the kernel still owns
// the block, or if frames of the block are still lent since it was read last.
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

// leave finishes the current block.
func (r *ring) leave() {
	done := r.block
	r.block++
	if r.block == len(r.held) {
		r.block = 0
	}
	r.release(done)
}
