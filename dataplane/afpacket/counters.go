package afpacket

import "sync/atomic"

// Counters are the counts of a port since Open. They count frames unless the comment
// says otherwise.
type Counters struct {
	Rx            uint64 // lent to the worker, segments included
	RxSuper       uint64 // super-packets that were segmented
	RxSegments    uint64 // segments of these super-packets
	RxChecksums   uint64 // completed partial checksums, except those of segments
	RxTruncated   uint64 // skipped: the frame did not fit into a block
	RxOversize    uint64 // skipped: the frame or its segments are longer than packet.MaxFrame
	RxUnsupported uint64 // skipped: unknown kind of super-packet or checksum

	Tx         uint64 // transmitted
	TxFull     uint64 // lost: the device's queue stayed full
	TxDown     uint64 // lost: the link was down or the device was removed
	TxOversize uint64 // lost: longer than the MTU of the interface
	TxErrors   uint64 // lost: refused for another reason

	KernelDrops   uint64 // lost by the kernel: no room in the ring
	KernelFreezes uint64 // number of times that the ring became full
}

// counter is written only by the port's goroutine and may be read by any. So add
// needs no atomic addition.
type counter struct{ v atomic.Uint64 }

func (c *counter) add(n uint64) { c.v.Store(c.v.Load() + n) }
func (c *counter) load() uint64 { return c.v.Load() }

// counters is the updated form of Counters, without the counters of the kernel.
type counters struct {
	rx, rxSuper, rxSegments, rxChecksums     counter
	rxTruncated, rxOversize, rxUnsupported   counter
	tx, txFull, txDown, txOversize, txErrors counter
}

func (c *counters) snapshot() Counters {
	return Counters{
		Rx:            c.rx.load(),
		RxSuper:       c.rxSuper.load(),
		RxSegments:    c.rxSegments.load(),
		RxChecksums:   c.rxChecksums.load(),
		RxTruncated:   c.rxTruncated.load(),
		RxOversize:    c.rxOversize.load(),
		RxUnsupported: c.rxUnsupported.load(),
		Tx:            c.tx.load(),
		TxFull:        c.txFull.load(),
		TxDown:        c.txDown.load(),
		TxOversize:    c.txOversize.load(),
		TxErrors:      c.txErrors.load(),
	}
}
