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

// port is a dataplane.Port that receives whatever its traffic makes and sends
// into nothing. It belongs to one worker.
type port struct {
	umem    []byte
	next    uint32 // chunk
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
	umem, err := arena.Make[byte](chunks * chunkSize)
	clear(umem) // all of it is there before the first frame
	return &port{umem: umem}, err
}

// Recv lends a batch of frames, as many as there are.
func (p *port) Recv(b *packet.Batch) error {
	if p.beside != nil {
		p.lend(b, p.beside, packet.BatchSize/2)
	}
	p.lend(b, p.traffic, packet.BatchSize-b.N)
	return nil
}

// lend adds the next n frames of some traffic to a batch, or as many as there
// are.
func (p *port) lend(b *packet.Batch, t *traffic, n int) {
	for range t.batch(n) {
		at := p.next * chunkSize
		p.next = (p.next + 1) % chunks
		f := b.Add()
		f.Buf = p.umem[at : at+chunkSize : at+chunkSize]
		f.Off, f.Len = packet.Headroom, frameLen
		f.Token = uint64(at)
		t.write((*[lineLen]byte)(f.Buf[packet.Headroom:]), t.number())
	}
}

// Alloc has no frame to spare: nothing here is to be sent beside what comes in.
func (p *port) Alloc(*packet.Batch) bool { return false }

// Flush writes the descriptors of what is to be sent and takes all frames back.
func (p *port) Flush(b *packet.Batch) error {
	for i := range b.N {
		f := &b.Frames[i]
		if f.Verdict != packet.Tx {
			continue
		}
		p.ring[p.sent%chunks] = uint64(f.Len)<<48 | f.Token + uint64(f.Off)
		p.sent++
		if p.keep > 0 {
			p.keep--
			p.kept = append(p.kept, bytes.Clone(f.Bytes()))
		}
	}
	b.N = 0
	return nil
}

// Fd returns -1: there is nothing to wait on.
func (p *port) Fd() int { return -1 }

// Close gives the frames' memory back.
func (p *port) Close() error {
	arena.Free(p.umem)
	return nil
}
