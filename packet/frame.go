package packet

// BatchSize is the largest number of frames that a worker handles at once. It is
// large enough to spread the cost of a system call and to overlap the cache misses of
// the connection table. It is small enough that the batch and its headers stay in the
// first-level cache.
const BatchSize = 64

// MaxInterfaces is the maximum number of interfaces that a director serves. Workers
// have counters for each interface.
const MaxInterfaces = 16

const (
	// Headroom is the space, in bytes, that every port leaves in front of a frame
	// that it lends. An outer header (20 to 32 bytes, 20 more for IPv6) fits there
	// without moving the frame.
	Headroom = 64
	// MaxFrame is the length in bytes of the largest frame that a port carries, with
	// the Ethernet header. It has room for an MTU of 1500 bytes, the Ethernet header
	// and one outer header.
	MaxFrame = 1792
)

// Frame is one Ethernet frame lent by a port. Buf is the whole chunk of memory that
// contains the frame, and nobody may append to it. The frame is Buf[Off:Off+Len].
// Only the worker that received the frame uses it, until the worker returns the batch
// with Flush.
type Frame struct {
	Buf []byte
	Off int32
	Len int32

	// Token is the port's handle of the chunk (a UMEM address, a ring slot). Only
	// the port that lent the frame reads or writes it.
	Token uint64

	// Verdict is what happens to the frame at the end of the batch. Reason says why
	// the frame is dropped or left to the kernel. Out is the number of the interface
	// that transmits the frame when the verdict is Tx.
	Verdict Verdict
	Reason  Reason
	Out     uint8
	// Tapped marks a frame that a capture records. It is undefined while no capture
	// runs.
	Tapped bool

	Header
}

// Bytes returns the frame, which begins with the Ethernet header. The capacity of the
// slice ends with the frame.
func (f *Frame) Bytes() []byte {
	end := f.Off + f.Len
	return f.Buf[f.Off:end:end]
}

// Push moves the start of the frame n bytes into the headroom. It reports whether
// there was enough headroom.
func (f *Frame) Push(n int32) bool {
	if f.Off < n {
		return false
	}
	f.Off -= n
	f.Len += n
	return true
}

// Batch holds up to BatchSize frames lent by one port. Frames[:N] are valid.
type Batch struct {
	Frames [BatchSize]Frame
	N      int
}

// Full reports whether the batch has no room for another frame.
func (b *Batch) Full() bool { return b.N == BatchSize }

// Add extends the batch by one frame and returns it. It resets Verdict and Reason;
// the caller sets the other fields. Precondition: !b.Full().
func (b *Batch) Add() *Frame {
	f := &b.Frames[b.N]
	b.N++
	f.Verdict, f.Reason = Pending, None
	return f
}
