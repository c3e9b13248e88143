package afpacket

import "sync/atomic"

// Counters is what a port has counted since Open, in frames unless it says
// otherwise.
type Counters struct {
	Rx            uint64 // lent to the worker, segments included
	RxSuper       uint64 // super-packets taken apart
	RxSegments    uint64 // segments that became of them
	RxChecksums   uint64 // partial checksums completed, those of segments aside
	RxTruncated   uint64 // skipped: not all of the frame fitted a block
	RxOversize    uint64 // skipped: longer than packet.MaxFrame, or segments would be
	RxUnsupported uint64 // skipped: super-packet or checksum of a kind we do not know

	Tx         uint64 // transmitted
	TxFull     uint64 // lost: the device's queue stayed full
	TxDown     uint64 // lost: the link was down or the device gone
	TxOversize uint64 // lost: longer than the interface's MTU allows
	TxErrors   uint64 // lost: refused for another reason

	KernelDrops   uint64 // lost by the kernel: no room in the ring
	KernelFreezes uint64 // times that the ring ran full
}

// counter is written by the port's goroutine alone and may be read by any, so
// that adding needs no locked instruction but the store.
type counter struct{ v atomic.Uint64 }

func (c *counter) add(n uint64) { c.v.Store(c.v.Load() + n) }
func (c *counter) load() uint64 { return c.v.Load() }

// counters is the live form of Counters, the kernel's aside.
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
