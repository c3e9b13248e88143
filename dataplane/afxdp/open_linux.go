package afxdp

import (
	"errors"
	"fmt"
	"time"

	"director/packet"

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

// Mode is how frames travel between the NIC and the UMEM.
type Mode uint8

const (
	Auto     Mode = iota // zero-copy if the driver can, else copy
	ZeroCopy             // the NIC reads and writes the UMEM itself
	Copy                 // the kernel copies
)

var modeNames = [...]string{Auto: "auto", ZeroCopy: "zero-copy", Copy: "copy"}

func (m Mode) String() string { return modeNames[m] }

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
		// Lets one system call move more than the 32 frames that it moves by
		// default. Older kernels do not know the option and move 32: kick
		// repeats the call.
		_ = unix.SetsockoptInt(s.fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, min(256, c.Chunks/2))
	}
	return s, Terms{Mode: mode, Refused: refused}, err
}

// The kernel releases the queue of a closed socket, or of a killed process,
// some time later from a work queue. So a busy queue is tried again.
const (
	busyTries = 10
	busyPause = 50 * time.Millisecond
)

// openWhenFree opens the socket, and waits for a busy queue.
func openWhenFree(c Config, mode Mode) (s *socket, err error) {
	for try := 1; ; try++ {
		s, err = openSocket(c, mode)
		if !errors.Is(err, unix.EBUSY) || try == busyTries {
			return s, err
		}
		time.Sleep(busyPause)
	}
}

// Close closes the socket, unmaps everything and frees the queue. The kernel
// does the last of it a moment later; Open waits for that.
func (p *Port) Close() error { return p.sock.close() }
