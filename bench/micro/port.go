package micro

import (
	"bytes"

	"director/internal/arena"
	"director/packet"
)

// The memory of the frames: as many chunks as an AF_XDP queue has, of the same
// size, used in turn.
const (
	chunks    = 4096
	chunkSize = 2048
)

// umem is that memory.
type umem [chunks][chunkSize]byte

// port is a dataplane.Port that receives the frames that its traffic makes, and
// discards what is sent. One worker owns it.
type port struct {
	umem    *umem
	next    uint32 // number of chunks used so far; modulo chunks it is the next one
	traffic *traffic
	beside  *traffic // makes half of each batch; may be nil

	ring [chunks]uint64 // descriptors of sent frames: length and position
	sent uint64

	keep int      // how many sent frames are copied
	kept [][]byte // the copies
}

// newPort makes a port. Its memory is on huge pages, unlike a real UMEM, because
// this program writes the frames: a NIC would not use the worker's TLB for that.
func newPort() (*port, error) {
	memory, err := arena.Make[[chunkSize]byte](chunks)
	if err != nil {
		return nil, err
	}
	clear(memory) // touches all pages before the first frame
	return &port{umem: (*umem)(memory)}, nil
}

// Recv lends a batch of frames, as many as there are.
func (p *port) Recv(b *packet.Batch) error {
	if p.beside != nil {
		p.next = p.beside.write(b, packet.BatchSize/2, p.umem, p.next)
	}
	p.next = p.traffic.write(b, packet.BatchSize, p.umem, p.next)
	return nil
}

// Alloc returns false: there are no spare frames, because nothing but received
// frames is sent.
func (p *port) Alloc(*packet.Batch) bool { return false }

// Flush writes the descriptors of the frames to be sent and takes all frames back.
func (p *port) Flush(b *packet.Batch) error {
	if p.keep > 0 {
		p.copy(b)
	}
	sent := p.sent
	for i := range b.N {
		f := &b.Frames[i]
		if f.Verdict != packet.Tx {
			continue
		}
		p.ring[sent%chunks] = uint64(f.Len)<<48 | f.Token + uint64(f.Off)
		sent++
	}
	p.sent, b.N = sent, 0
	return nil
}

// copy copies frames that are to be sent, up to the limit keep.
func (p *port) copy(b *packet.Batch) {
	for i := range b.N {
		if f := &b.Frames[i]; f.Verdict == packet.Tx && p.keep > 0 {
			p.keep--
			p.kept = append(p.kept, bytes.Clone(f.Bytes()))
		}
	}
}

// Fd returns -1, because there is no descriptor to wait on.
func (p *port) Fd() int { return -1 }

// Close frees the memory of the frames.
func (p *port) Close() error {
	arena.Free(p.umem[:])
	return nil
}
