package micro

import (
	"bytes"

	"director/internal/arena"
	"director/packet"
)

// The memory that frames lie in: as many chunks as an AF_XDP queue has, of the
// same size, used in turn.
const (
	chunks    = 4096
	chunkSize = 2048
)

// umem is that memory.
type umem [chunks][chunkSize]byte

// port is a dataplane.Port that receives whatever its traffic makes and sends
// into nothing. It belongs to one worker.
type port struct {
	umem    *umem
	next    uint32 // how many chunks were used: the next one modulo their number
	traffic *traffic
	beside  *traffic // of half of each batch, if there is any

	ring [chunks]uint64 // descriptors of what was sent: length and place
	sent uint64

	keep int      // of the frames to be sent so many are copied
	kept [][]byte // to here
}

// newPort makes a port. Its memory lies on huge pages, where a real UMEM may
// not: it is written here through the worker's own translation buffer, which a
// NIC would not do.
func newPort() (*port, error) {
	memory, err := arena.Make[[chunkSize]byte](chunks)
	if err != nil {
		return nil, err
	}
	clear(memory) // all of it is there before the first frame
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

// Alloc has no frame to spare: nothing here is to be sent beside what comes in.
func (p *port) Alloc(*packet.Batch) bool { return false }

// Flush writes the descriptors of what is to be sent and takes all frames back.
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

// copy keeps frames that are to be sent, as many as it still should.
func (p *port) copy(b *packet.Batch) {
	for i := range b.N {
		if f := &b.Frames[i]; f.Verdict == packet.Tx && p.keep > 0 {
			p.keep--
			p.kept = append(p.kept, bytes.Clone(f.Bytes()))
		}
	}
}

// Fd returns -1: there is nothing to wait on.
func (p *port) Fd() int { return -1 }

// Close gives the frames' memory back.
func (p *port) Close() error {
	arena.Free(p.umem[:])
	return nil
}
