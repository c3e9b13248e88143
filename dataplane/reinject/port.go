package reinject

import (
	"sync/atomic"

	"director/packet"

	"golang.org/x/sys/unix"
)

// chunkSize is the size in bytes of the memory for one frame.
const chunkSize = packet.Headroom + packet.MaxFrame

// Port reinjects the frames of one worker. It is a dataplane.Port that never
// receives.
type Port struct {
	fd     int
	memory []byte // packet.BatchSize chunks
	lent   int

	returned, failed atomic.Uint64
}

func newPort(fd int) *Port {
	return &Port{fd: fd, memory: make([]byte, packet.BatchSize*chunkSize)}
}

// Recv leaves b empty.
func (p *Port) Recv(*packet.Batch) error { return nil }

// Alloc appends an empty frame to b.
func (p *Port) Alloc(b *packet.Batch) bool {
	if b.Full() || p.lent == packet.BatchSize {
		return false
	}
	start := p.lent * chunkSize
	p.lent++
	f := b.Add()
	f.Buf = p.memory[start : start+chunkSize : start+chunkSize]
	f.Off, f.Len = packet.Headroom, 0
	return true
}

// Flush reinjects the frames with the verdict Tx and empties b. A frame that the
// kernel refuses is lost and counted.
func (p *Port) Flush(b *packet.Batch) error {
	var returned, failed uint64
	for i := range b.N {
		f := &b.Frames[i]
		if f.Verdict != packet.Tx {
			continue
		}
		if _, err := unix.Write(p.fd, f.Bytes()); err != nil {
			failed++
			continue
		}
		returned++
	}
	b.N, p.lent = 0, 0
	p.returned.Add(returned)
	p.failed.Add(failed)
	return nil
}

// Fd returns -1, because the port never receives.
func (p *Port) Fd() int { return -1 }

// Close closes the queue.
func (p *Port) Close() error { return unix.Close(p.fd) }

// Counters returns the counters. Any goroutine may call it.
func (p *Port) Counters() Counters {
	return Counters{p.returned.Load(), p.failed.Load()}
}

// Counters counts frames.
type Counters struct {
	Returned uint64 // reinjected
	Failed   uint64 // refused by the kernel
}
