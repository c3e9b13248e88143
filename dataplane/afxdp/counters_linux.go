package afxdp

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// counters is what the port's goroutine counts, once per batch.
type counters struct {
	rx, tx                  atomic.Uint64
	full, linkDown, invalid atomic.Uint64
	refused                 atomic.Uint64
	kicks, wakes            atomic.Uint64
	downKicks, kickErrors   atomic.Uint64
}

// Counters says what became of the frames, and how often the kernel had to be
// called for them.
type Counters struct {
	Received    uint64
	Transmitted uint64 // given to the kernel
	TxFull      uint64 // lost: the transmit ring stayed full
	TxDown      uint64 // lost: the link was down
	TxInvalid   uint64 // lost: shorter than an Ethernet header, or outside its chunk
	TxRefused   uint64 // of Transmitted, lost: the device's queue refused them
	Kicks       uint64 // system calls to transmit
	DownKicks   uint64 // of those, that found the link down
	KickErrors  uint64 // of those, that failed in another way
	Wakes       uint64 // system calls to refill

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

// Counters reads the counters, the kernel's included. Any goroutine may ask
// while the port is open.
func (p *Port) Counters() (Counters, error) {
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
	kernel, err := getsockopt[unix.XDPStatistics](p.fd, unix.XDP_STATISTICS)
	if err != nil {
		return out, fmt.Errorf("statistics of the AF_XDP socket: %w", err)
	}
	out.Kernel = kernel
	return out, nil
}
