package afxdp

import (
	"errors"
	"fmt"

	"director/packet"

	"github.com/asavie/xdp"
	"golang.org/x/sys/unix"
)

const (
	// ChunkSize is the part of the UMEM that holds one frame: a page half, as
	// zero-copy drivers like it.
	ChunkSize = 2048
	// DefaultChunks gives a queue 8 MiB: rings of 2048 and as many chunks
	// again to be under way.
	DefaultChunks = 4096

	// headroom is what the kernel leaves in front of a received frame
	// (XDP_PACKET_HEADROOM), and we in front of one of our own.
	headroom = unix.XDP_PACKET_HEADROOM
)

// The kernel's headroom is enough, and a frame fits behind it.
const (
	_ = uint(headroom - packet.Headroom)
	_ = uint(ChunkSize - headroom - packet.MaxFrame)
)

// Config says which queue to open and how.
type Config struct {
	Interface string // its name, for errors
	Ifindex   int
	Queue     int
	Mode      Mode // Copy where XDP is attached in generic mode
	Chunks    int  // size of the UMEM, a power of two; 0 is DefaultChunks
}

// Terms are what the kernel agreed to.
type Terms struct {
	Mode    Mode  // ZeroCopy or Copy
	Refused error // why Auto did not get zero-copy
}

// Open opens a queue and fills its fill ring. No frame arrives before the
// socket is registered with the steering program.
func Open(c Config) (*Port, error) {
	if c.Chunks == 0 {
		c.Chunks = DefaultChunks
	}
	if c.Chunks < 2*packet.BatchSize || c.Chunks&(c.Chunks-1) != 0 {
		return nil, fmt.Errorf("open AF_XDP socket on %s queue %d: %d chunks: want a power of two from %d",
			c.Interface, c.Queue, c.Chunks, 2*packet.BatchSize)
	}
	xsk, terms, err := negotiate(c)
	if err != nil {
		return nil, err
	}
	p := &Port{
		xsk:   xsk,
		fd:    xsk.FD(),
		terms: terms,
		umem:  xsk.GetFrame(xdp.Desc{Len: uint32(c.Chunks * ChunkSize)}),
		free:  make([]uint64, 0, c.Chunks),
	}
	if err := p.mapRings(c.Chunks / 2); err != nil {
		p.Close()
		return nil, fmt.Errorf("open AF_XDP socket on %s queue %d: %w", c.Interface, c.Queue, err)
	}
	for i := c.Chunks - 1; i >= 0; i-- {
		p.free = append(p.free, uint64(i)*ChunkSize)
	}
	p.refill()
	return p, nil
}

// negotiate opens the socket by the best mode allowed.
func negotiate(c Config) (*xdp.Socket, Terms, error) {
	mode := c.Mode
	var refused error
	if mode == Auto {
		xsk, err := open(c, ZeroCopy)
		if err == nil || errors.Is(err, unix.EBUSY) {
			return xsk, Terms{Mode: ZeroCopy}, err
		}
		mode, refused = Copy, err
	}
	xsk, err := open(c, mode)
	if err == nil && mode == Copy {
		// Lets one system call move more than the 32 frames it moves by
		// default. Kernels that do not know it move 32; kick copes.
		_ = unix.SetsockoptInt(xsk.FD(), unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, min(256, c.Chunks/2))
	}
	return xsk, Terms{Mode: mode, Refused: refused}, err
}

// mapRings maps the four rings, of n entries each, a second time.
func (p *Port) mapRings(n int) error {
	off, err := mmapOffsets(p.fd)
	if err != nil {
		return err
	}
	fill, m0, err0 := mapRing[uint64](p.fd, unix.XDP_UMEM_PGOFF_FILL_RING, off.Fr, n)
	done, m1, err1 := mapRing[uint64](p.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, off.Cr, n)
	rx, m2, err2 := mapRing[unix.XDPDesc](p.fd, unix.XDP_PGOFF_RX_RING, off.Rx, n)
	tx, m3, err3 := mapRing[unix.XDPDesc](p.fd, unix.XDP_PGOFF_TX_RING, off.Tx, n)
	p.mappings = [4][]byte{m0, m1, m2, m3}
	if err := errors.Join(err0, err1, err2, err3); err != nil {
		return err
	}
	p.fill, p.done = newProducer(fill), newConsumer(done)
	p.rx, p.tx = newConsumer(rx), newProducer(tx)
	return nil
}

// Close closes the socket, unmaps everything and frees the queue. The kernel
// does the last of it a moment later; Open waits for that.
func (p *Port) Close() error {
	var errs []error
	for _, m := range p.mappings {
		if m != nil {
			errs = append(errs, unix.Munmap(m))
		}
	}
	p.mappings = [4][]byte{}
	return errors.Join(append(errs, release(p.xsk))...)
}
