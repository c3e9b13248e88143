package afpacket

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"director/packet"
)

// Config says what a port is to be opened on.
type Config struct {
	Ifindex   int
	Interface string // its name, for messages
	// Filter is the descriptor of a loaded socket-filter program (0 or -1:
	// none) that decides which frames the port sees, from the Ethernet header
	// on. It must return at least the length of a frame that it takes. The
	// port does not own it.
	Filter int
	// Fanout is the number of the group, unique in the network namespace,
	// that the ports of one interface share; 0: the port is alone. Joining
	// needs the link to be up on kernels before 6.13.
	Fanout uint16
}

// Port is one member of an interface's fan-out group, or all of it. One
// goroutine uses it; only Fd and Counters may be called from elsewhere.
type Port struct {
	name string
	rx   receiver
	tx   *transmitter
	fd   int // the receiving socket

	mu     sync.Mutex // guards what follows
	drops  uint64     // the kernel's counters so far
	frozen uint64
	closed bool
}

// Open opens a port in the network namespace of the calling thread. It needs
// CAP_NET_RAW and CAP_NET_ADMIN.
func Open(c Config) (*Port, error) {
	fd, mem, err := openReceive(c)
	if err != nil {
		return nil, fmt.Errorf("receive on %s by packet socket: %w", c.Interface, err)
	}
	out, err := openTransmit(c.Ifindex)
	if err != nil {
		unix.Munmap(mem)
		unix.Close(fd)
		return nil, fmt.Errorf("transmit on %s by packet socket: %w", c.Interface, err)
	}
	p := &Port{name: c.Interface, fd: fd, rx: receiver{ring: newRing(mem, blockSize), chunks: newPool()}}
	p.tx = newTransmitter(out, &p.rx.stats)
	return p, nil
}

// Recv appends received frames to the empty batch b without waiting. They are
// whole wire frames: tagged if they were, no longer than packet.MaxFrame, with
// complete checksums.
func (p *Port) Recv(b *packet.Batch) error {
	p.rx.receive(b)
	if b.N > 0 {
		return nil
	}
	return p.clearError()
}

// Alloc appends one empty frame to b.
func (p *Port) Alloc(b *packet.Batch) bool {
	return !b.Full() && p.rx.alloc(b) != nil
}

// Flush transmits the frames of b whose verdict is Tx, takes every frame back
// and empties b. It returns no error: what cannot be sent is counted.
func (p *Port) Flush(b *packet.Batch) error {
	frames := b.Frames[:b.N]
	for i := range frames {
		if f := &frames[i]; f.Verdict == packet.Tx && f.Len > 0 {
			p.tx.gather(f.Bytes())
		}
	}
	p.tx.send()
	for i := range frames {
		p.rx.release(&frames[i])
	}
	b.N = 0
	return nil
}

// Fd returns the receiving socket, readable when Recv would find frames.
func (p *Port) Fd() int { return p.fd }

// Counters returns what has been counted so far. Any goroutine may ask, also
// after Close.
func (p *Port) Counters() Counters {
	c := p.rx.stats.snapshot()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gatherKernel()
	c.KernelDrops, c.KernelFreezes = p.drops, p.frozen
	return c
}

// Close releases the sockets and the ring. Frames that are still lent are gone
// with it.
func (p *Port) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.gatherKernel()
	p.closed = true
	unix.Close(p.tx.fd)
	unix.Close(p.fd)
	if err := unix.Munmap(p.rx.ring.mem); err != nil {
		return fmt.Errorf("close packet socket of %s: %w", p.name, err)
	}
	return nil
}

// clearError takes the error off the socket that a link leaves there when it
// goes down: until somebody does, the descriptor counts as readable. Frames
// come again when the link does.
func (p *Port) clearError() error {
	if _, err := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil {
		return fmt.Errorf("receive on %s: %w", p.name, err)
	}
	return nil
}

// gatherKernel adds the kernel's counters, which start again from zero each
// time they are read, to ours. Precondition: p.mu is held.
func (p *Port) gatherKernel() {
	if p.closed {
		return
	}
	s, err := unix.GetsockoptTpacketStatsV3(p.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return // only a closed descriptor fails here
	}
	p.drops += uint64(s.Drops)
	p.frozen += uint64(s.Freeze_q_cnt)
}
