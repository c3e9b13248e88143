// Package ordered has words that goroutines share without locks and that are
// written more often than sync/atomic's ought to be.
//
// Load acquires and Store releases: who sees what was stored sees all that was
// stored before it. That is what a sequence of words under a generation needs, or
// a counter with one writer. sync/atomic's Store is sequentially consistent
// besides, which on amd64 makes it a locked exchange: it waits for every store
// before it, and no load after it may begin. There a plain store releases already,
// so Store is one; on other systems, and under the race detector, which would take
// it for a race, it is sync/atomic's.
//
// A Store may become visible after a Load that follows it. Where that matters
// (two words, each written by one side and read by the other), use sync/atomic.
package ordered

import "sync/atomic"

// Uint64 is an ordered word. It must not be copied after it is shared.
type Uint64 struct{ v uint64 }

// Load returns the word.
func (x *Uint64) Load() uint64 { return atomic.LoadUint64(&x.v) }

// CompareAndSwap is sync/atomic's.
func (x *Uint64) CompareAndSwap(from, to uint64) bool {
	return atomic.CompareAndSwapUint64(&x.v, from, to)
}

// Swap is sync/atomic's.
func (x *Uint64) Swap(v uint64) uint64 { return atomic.SwapUint64(&x.v, v) }

// Add is sync/atomic's.
func (x *Uint64) Add(n uint64) uint64 { return atomic.AddUint64(&x.v, n) }

// Int64 is an ordered word. It must not be copied after it is shared.
type Int64 struct{ v int64 }

// Load returns the word.
func (x *Int64) Load() int64 { return atomic.LoadInt64(&x.v) }

// Swap is sync/atomic's.
func (x *Int64) Swap(v int64) int64 { return atomic.SwapInt64(&x.v, v) }

// Uint32 is an ordered word. It must not be copied after it is shared.
type Uint32 struct{ v uint32 }

// Load returns the word.
func (x *Uint32) Load() uint32 { return atomic.LoadUint32(&x.v) }
