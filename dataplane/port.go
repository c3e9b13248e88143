package dataplane

import "director/packet"

// Port moves frames between one NIC queue and one worker. One goroutine uses it, but
// any goroutine may call Fd.
type Port interface {
	// Recv appends received frames to the empty batch b without waiting. The frames
	// are lent: they belong to the caller until it returns them with Flush. Every
	// frame has packet.Headroom bytes in front of it.
	Recv(b *packet.Batch) error
	// Alloc appends one empty frame to b, with Len 0, headroom in front and room for
	// packet.MaxFrame bytes. It returns false if b is full or the port has no free
	// frame. A batch contains either received or allocated frames.
	Alloc(b *packet.Batch) bool
	// Flush transmits the frames of b with the verdict Tx in order, takes all frames
	// back and empties b. The port counts frames that it could not send.
	Flush(b *packet.Batch) error
	// Fd returns a descriptor that is readable when frames can be received, or -1 if
	// there is none.
	Fd() int
	// Close releases the queue. The port must not be used after it.
	Close() error
}
