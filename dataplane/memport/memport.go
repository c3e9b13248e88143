// Package memport implements a NIC in memory: a port that receives frames from slices
// and sends them to slices, a clock that the test moves, and a waiter without
// descriptors. The stages are tested with it and captures are replayed on it. It
// needs neither privileges nor Linux.
package memport

import (
	"sync"

	"director/packet"
)

// chunkSize is the size in bytes of a chunk, as in AF_XDP.
const chunkSize = 2048

// Port is a dataplane.Port. One goroutine uses it, but any goroutine may call Push
// and Take.
type Port struct {
	chunks [][]byte // free chunks; the port lends at most two batches at a time
	lent   int

	mu   sync.Mutex
	in   [][]byte
	sent [][]byte
}

// New returns a port with no frames to receive.
func New() *Port {
	p := &Port{}
	for range 2 * packet.BatchSize {
		p.chunks = append(p.chunks, make([]byte, chunkSize))
	}
	return p
}

// Push appends copies of frames to those that the port will receive.
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

// Lent returns the number of chunks that are lent.
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

// Flush stores copies of the frames to send and takes all chunks back.
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

// Fd returns -1, because there is no descriptor. Use Waiter to wait.
func (p *Port) Fd() int { return -1 }

// Close does nothing.
func (p *Port) Close() error { return nil }
