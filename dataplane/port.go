package dataplane

import "director/packet"

// Port moves frames between one NIC queue and one worker. One goroutine uses
// it; only Fd may be called from elsewhere.
type Port interface {
	// Recv appends received frames to the empty batch b without waiting. The
	// frames are lent: they belong to the caller until it gives them back with
	// Flush. Every frame has packet.Headroom bytes in front of it.
	Recv(b *packet.Batch) error
	// Alloc appends one empty frame to b (Len 0, headroom in front, room for
	// packet.MaxFrame behind) and reports whether the port had one to spare
	// and b had room. A batch holds either received or allocated frames.
	Alloc(b *packet.Batch) bool
	// Flush transmits the frames of b whose verdict is Tx, in order, takes
	// every frame back and empties b. A frame that could not be sent is
	// counted by the port.
	Flush(b *packet.Batch) error
	// Fd is readable when Recv would find frames; -1 if there is nothing to
	// wait on.
	Fd() int
	// Close releases the queue. The port must not be used afterwards.
	Close() error
}
