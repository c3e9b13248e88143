package packet

// BatchSize is the most frames a worker handles at once: enough to amortise a
// system call and to overlap the table's cache misses, few enough that the
// batch and its headers stay in the first-level cache.
const BatchSize = 64

// MaxInterfaces is the most interfaces that a director serves. Workers keep
// counters for each.
const MaxInterfaces = 16

const (
	// Headroom is the room, in bytes, that every port leaves in front of a
	// frame it lends, so that an outer header (20 to 32 bytes, 20 more for IPv6)
	// is pushed without moving the frame.
	Headroom = 64
	// MaxFrame is the largest frame, Ethernet header included, that the data
	// path carries: a 1500-byte MTU, the Ethernet header and one outer header.
	MaxFrame = 1792
)

// Frame is one Ethernet frame lent by a port. Buf is the whole chunk of memory
// it lies in and must never be appended to; the frame itself is
// Buf[Off:Off+Len]. Only the worker that received the frame touches it, until
// it gives the batch back with Flush.
type Frame struct {
	Buf []byte
	Off int32
	Len int32

	// Token is the lending port's own handle of the chunk (a UMEM address, a
	// ring slot). Only that port reads or writes it.
	Token uint64

	// Verdict is what becomes of the frame; Reason says why it is dropped or
	// left to the kernel. Out is the interface it leaves by when the verdict is Tx.
	Verdict Verdict
	Reason  Reason
	Out     uint8
	// Tapped says that a capture wants to know what becomes of the frame. It means
	// nothing while there is none.
	Tapped bool

	Header
}

// Bytes returns the frame, Ethernet header first. Its capacity ends with the
// frame.
func (f *Frame) Bytes() []byte {
	end := f.Off + f.Len
	return f.Buf[f.Off:end:end]
}

// Push moves the start of the frame n bytes forward into the headroom and
// reports whether there was room.
func (f *Frame) Push(n int32) bool {
	if f.Off < n {
		return false
	}
	f.Off -= n
	f.Len += n
	return true
}

// Batch is up to BatchSize frames lent by one port. Frames[:N] are valid.
type Batch struct {
	Frames [BatchSize]Frame
	N      int
}

// Full reports whether the batch takes no further frame.
func (b *Batch) Full() bool { return b.N == BatchSize }

// Add extends the batch by one frame and returns it, reset but for what the
// caller sets next. Precondition: !b.Full().
func (b *Batch) Add() *Frame {
	f := &b.Frames[b.N]
	b.N++
	f.Verdict, f.Reason = Pending, None
	return f
}
