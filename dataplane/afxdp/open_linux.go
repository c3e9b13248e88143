package afxdp

import (
	"errors"
	"fmt"
	"time"

	"director/packet"

	"golang.org/x/sys/unix"
)

const (
	// ChunkSize is the size in bytes of the part of the UMEM that holds one frame. It
	// is half a page, which zero-copy drivers support.
	ChunkSize = 2048
	// DefaultChunks gives a queue 8 MiB: 2048 chunks fill a ring, and 2048 more can
	// be in use elsewhere.
	DefaultChunks = 4096

	// headroom is the number of bytes that the kernel leaves in front of a received
	// frame (XDP_PACKET_HEADROOM). Alloc leaves as many.
	headroom = unix.XDP_PACKET_HEADROOM
)

// These constants do not compile unless the headroom is large enough and a frame fits
// into the rest of the chunk.
const (
	_ = uint(headroom - packet.Headroom)
	_ = uint(ChunkSize - headroom - packet.MaxFrame)
)

// Mode is how frames travel between the NIC and the UMEM.
type Mode uint8

const (
	Auto     Mode = iota // zero-copy if the driver supports it, else copy
	ZeroCopy             // the NIC reads and writes the UMEM directly
	Copy                 // the kernel copies each frame
)

var modeNames = [...]string{Auto: "auto", ZeroCopy: "zero-copy", Copy: "copy"}

func (m Mode) String() string { return modeNames[m] }

// Config configures Open.
type Config struct {
	Interface string // the name, for errors
	Ifindex   int
	Queue     int
	Mode      Mode // must be Copy if XDP is attached in generic mode
	Chunks    int  // size of the UMEM, a power of two; 0 is DefaultChunks
}

// Terms are the properties of the socket that the kernel accepted.
type Terms struct {
	Mode    Mode  // ZeroCopy or Copy
	Refused error // the error for zero-copy if Auto fell back to copy
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
	s, terms, err := negotiate(c)
	if err != nil {
		return nil, err
	}
	p := &Port{
		sock:  s,
		fd:    s.fd,
		terms: terms,
		umem:  s.umem,
		free:  make([]uint64, 0, c.Chunks),
		fill:  newProducer(s.fill),
		done:  newConsumer(s.done),
		rx:    newConsumer(s.rx),
		tx:    newProducer(s.tx),
	}
	for i := c.Chunks - 1; i >= 0; i-- {
		p.free = append(p.free, uint64(i)*ChunkSize)
	}
	p.refill()
	return p, nil
}

// negotiate opens the socket in the best mode that Config allows.
func negotiate(c Config) (*socket, Terms, error) {
	mode := c.Mode
	var refused error
	if mode == Auto {
		s, err := openWhenFree(c, ZeroCopy)
		if err == nil || errors.Is(err, unix.EBUSY) {
			return s, Terms{Mode: ZeroCopy}, err
		}
		mode, refused = Copy, err
	}
	s, err := openWhenFree(c, mode)
	if err == nil && mode == Copy {
		// With this option one system call moves more than the default of 32
		// frames. Older kernels do not have it; kick then repeats the call.
		_ = unix.SetsockoptInt(s.fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, min(256, c.Chunks/2))
	}
	return s, Terms{Mode: mode, Refused: refused}, err
}

// When a socket is closed or its process is killed, the kernel releases the queue
// later, from a work queue. So Open retries a busy queue.
const (
	busyTries = 10
	busyPause = 50 * time.Millisecond
)

// openWhenFree opens the socket. It waits while the queue is busy.
func openWhenFree(c Config, mode Mode) (s *socket, err error) {
	for try := 1; ; try++ {
		s, err = openSocket(c, mode)
		if !errors.Is(err, unix.EBUSY) || try == busyTries {
			return s, err
		}
		time.Sleep(busyPause)
	}
}

// Close closes the socket, unmaps all memory and frees the queue. The kernel frees
// the queue a moment later; Open waits for that.
func (p *Port) Close() error { return p.sock.close() }
