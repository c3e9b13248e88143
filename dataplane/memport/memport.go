// Package memport is a NIC made of memory: a port whose frames come from and
// go to slices, a clock that moves when told to, and a way to sleep that needs
// no descriptors. The stages are tested and captures replayed over it, without
// privileges and without Linux.
package memport

import (
	"sync"

	"director/packet"
)

// chunkSize is what AF_XDP gives a frame.
const chunkSize = 2048

// Port is a dataplane.Port. The worker's methods belong to one goroutine; Push
// and Take may be called from any.
type Port struct {
	chunks [][]byte // free ones; the port lends at most two batches at a time
	lent   int

	mu   sync.Mutex
	in   [][]byte
	sent [][]byte
}

// New returns a port with nothing to receive.
func New() *Port {
	p := &Port{}
	for range 2 * packet.BatchSize {
		p.chunks = append(p.chunks, make([]byte, chunkSize))
	}
	return p
}

// Push appends copies of frames to what the port will receive.
func (p *Port) Push(frames ...[]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range frames {
		p.in = append(p.in, append([]byte(nil), f...))
	}
}

// Take returns the frames that were sent since the last Take, in order.
func (p *Port) Take() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := p.sent
	p.sent = nil
	return sent
}

// Lent returns how many chunks are not back yet.
func (p *Port) Lent() int { return p.lent }

// Recv lends the next frames.
func (p *Port) Recv(b *packet.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.in) > 0 && p.Alloc(b) {
		f := &b.Frames[b.N-1]
		f.Len = int32(copy(f.Buf[f.Off:], p.in[0]))
		p.in = p.in[1:]
	}
	return nil
}

// Alloc lends an empty frame.
func (p *Port) Alloc(b *packet.Batch) bool {
	if b.Full() || len(p.chunks) == 0 {
		return false
	}
	last := len(p.chunks) - 1
	f := b.Add()
	f.Buf, p.chunks = p.chunks[last], p.chunks[:last]
	f.Off, f.Len = packet.Headroom, 0
	p.lent++
	return true
}

// Flush keeps copies of the frames to send and takes all chunks back.
func (p *Port) Flush(b *packet.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range b.N {
		f := &b.Frames[i]
		if f.Verdict == packet.Tx {
			p.sent = append(p.sent, append([]byte(nil), f.Bytes()...))
		}
		p.chunks = append(p.chunks, f.Buf)
		p.lent--
	}
	b.N = 0
	return nil
}

// Fd returns -1: there is nothing to wait on but a Waiter of this package.
func (p *Port) Fd() int { return -1 }

// Close does nothing.
func (p *Port) Close() error { return nil }
