package afpacket

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"director/packet"
)

// Config configures Open.
type Config struct {
	Ifindex   int
	Interface string // the name, for messages
	// Filter is the descriptor of a loaded socket-filter program that decides which
	// frames the port receives; 0 or -1: none. The program sees the frame from the
	// Ethernet header on. For a frame that it accepts it must return at least the
	// length of the frame. The port does not own the descriptor.
	Filter int
	// Fanout is the number of the fan-out group that the ports of one interface
	// share; 0: no group. It must be unique in the network namespace. On kernels
	// before 6.13 the link must be up to join a group.
	Fanout uint16
}

// Port is one member of the fan-out group of an interface, or its only port. One
// goroutine uses it, but any goroutine may call Fd and Counters.
type Port struct {
	name string
	rx   receiver
	tx   *transmitter
	fd   int // the receiving socket

	mu     sync.Mutex // guards the fields below
	drops  uint64     // sum of the kernel's counter
	frozen uint64     // sum of the kernel's counter
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

// Recv appends received frames to the empty batch b without waiting. They are wire
// frames: with their VLAN tags, not longer than packet.MaxFrame, and with complete
// checksums.
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

// Flush transmits the frames of b with the verdict Tx, takes all frames back and
// empties b. It never returns an error. Frames that cannot be sent are counted.
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

// Fd returns the receiving socket. It is readable when frames can be received.
func (p *Port) Fd() int { return p.fd }

// Counters returns the counters. Any goroutine may call it, also after Close.
func (p *Port) Counters() Counters {
	c := p.rx.stats.snapshot()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gatherKernel()
	c.KernelDrops, c.KernelFreezes = p.drops, p.frozen
	return c
}

// Close closes the sockets and unmaps the ring. Frames that are still lent become
// invalid.
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

// clearError clears the error that the kernel sets on the socket when the link goes
// down. While the error is set, poll reports the descriptor as readable. Frames
// arrive again when the link is up.
func (p *Port) clearError() error {
	if _, err := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil {
		return fmt.Errorf("receive on %s: %w", p.name, err)
	}
	return nil
}

// gatherKernel adds the kernel's counters to those of the port. The kernel resets its
// counters when they are read. Precondition: p.mu is held.
func (p *Port) gatherKernel() {
	if p.closed {
		return
	}
	s, err := unix.GetsockoptTpacketStatsV3(p.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return // this fails only for a closed descriptor
	}
	p.drops += uint64(s.Drops)
	p.frozen += uint64(s.Freeze_q_cnt)
}
