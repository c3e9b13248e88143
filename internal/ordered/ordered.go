// Package ordered has words that goroutines share without a lock, and that are
// written too often for the stores of sync/atomic.
//
// Load acquires and Store releases: a goroutine that loads a value also sees
// everything that was stored before this value. This is enough for several words
// that are published by one of them, and for a counter with one writer. The Store
// of sync/atomic is sequentially consistent in addition. On amd64 that makes it a
// locked exchange, which waits for all earlier stores and delays all later loads.
// A plain store of amd64 already releases, so Store is a plain store there. On
// other systems Store is that of sync/atomic. So it is under the race detector,
// which would report a plain store as a race.
//
// Two things follow from this:
//
//   - A Store may become visible after a Load that follows it. Where this matters
//     (two words, each written by one side and read by the other), use sync/atomic.
//   - The compiler may omit a Store if only stores lie between it and another Store
//     to the same word. To mark a record before changing it and again afterwards,
//     set the first mark by Swap or CompareAndSwap.
package ordered

import "sync/atomic"

// Uint64 is an ordered word. It must not be copied once it is shared.
type Uint64 struct{ v uint64 }

// Load returns the word.
func (x *Uint64) Load() uint64 { return atomic.LoadUint64(&x.v) }

// CompareAndSwap is that of sync/atomic.
func (x *Uint64) CompareAndSwap(from, to uint64) bool {
	return atomic.CompareAndSwapUint64(&x.v, from, to)
}

// Swap is that of sync/atomic.
func (x *Uint64) Swap(v uint64) uint64 { return atomic.SwapUint64(&x.v, v) }

// Add is that of sync/atomic.
func (x *Uint64) Add(n uint64) uint64 { return atomic.AddUint64(&x.v, n) }

// Int64 is an ordered word. It must not be copied once it is shared.
type Int64 struct{ v int64 }

// Load returns the word.
func (x *Int64) Load() int64 { return atomic.LoadInt64(&x.v) }

// Swap is that of sync/atomic.
func (x *Int64) Swap(v int64) int64 { return atomic.SwapInt64(&x.v, v) }

// Uint32 is an ordered word. It must not be copied once it is shared.
type Uint32 struct{ v uint32 }

// Load returns the word.
func (x *Uint32) Load() uint32 { return atomic.LoadUint32(&x.v) }
