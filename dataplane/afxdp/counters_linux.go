package afxdp

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// counters are the port's counters. The port's goroutine updates them once per batch.
type counters struct {
	rx, tx                  atomic.Uint64
	full, linkDown, invalid atomic.Uint64
	refused                 atomic.Uint64
	kicks, wakes            atomic.Uint64
	downKicks, kickErrors   atomic.Uint64
}

// kernelCounters stores the last statistics of the kernel.
type kernelCounters struct {
	mu   sync.Mutex
	last unix.XDPStatistics
}

// read reads the statistics of the socket fd from the kernel. If that fails, it returns
// those of the last successful call. Zeros would look like counters that decreased, and
// the next call would then show all losses a second time.
func (k *kernelCounters) read(fd int) (unix.XDPStatistics, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, err := getsockopt[unix.XDPStatistics](fd, unix.XDP_STATISTICS)
	if err != nil {
		return k.last, fmt.Errorf("statistics of the AF_XDP socket: %w", err)
	}
	k.last = now
	return now, nil
}

// Counters count the frames and the system calls of a port.
type Counters struct {
	Received    uint64
	Transmitted uint64 // passed to the kernel
	TxFull      uint64 // lost: the transmit ring stayed full
	TxDown      uint64 // lost: the link was down
	TxInvalid   uint64 // lost: shorter than an Ethernet header, or outside its chunk
	TxRefused   uint64 // of Transmitted, lost: the device's queue refused them
	Kicks       uint64 // system calls to transmit
	DownKicks   uint64 // of Kicks, those that failed because the link was down
	KickErrors  uint64 // of Kicks, those that failed with another error
	Wakes       uint64 // system calls to wake the driver after a refill

	Kernel unix.XDPStatistics
}

// lost counts the frames of a batch that could not be sent.
func (c *counters) lost(full, invalid uint32, down bool) {
	if down {
		c.linkDown.Add(uint64(full))
	} else {
		c.full.Add(uint64(full))
	}
	c.invalid.Add(uint64(invalid))
}

// Counters returns the counters, including those of the kernel. Any goroutine may
// call it while the port is open. If it returns an error, Kernel has the values of the
// last successful call; the other counters are up to date.
func (p *Port) Counters() (_ Counters, err error) {
	c := &p.count
	out := Counters{
		Received:    c.rx.Load(),
		Transmitted: c.tx.Load(),
		TxFull:      c.full.Load(),
		TxDown:      c.linkDown.Load(),
		TxInvalid:   c.invalid.Load(),
		TxRefused:   c.refused.Load(),
		Kicks:       c.kicks.Load(),
		DownKicks:   c.downKicks.Load(),
		KickErrors:  c.kickErrors.Load(),
		Wakes:       c.wakes.Load(),
	}
	out.Kernel, err = p.kernel.read(p.fd)
	return out, err
}
