package conntrack

import (
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"director/internal/arena"
	"director/internal/ordered"
)

const (
	// maxChain bounds the buckets that a look-up walks.
	maxChain = 16
	// maxPerClient bounds the connections of one client address and port, which
	// are all in one chain: so many virtual services at a time. It is about half
	// of what a chain holds, so a client that uses it up leaves room for others in
	// the same chain.
	maxPerClient = 64
	// maxShards is the most locks a table has: enough that workers rarely wait
	// for each other, few enough that a sweep visits each within a second.
	maxShards = 256
	// minShard is the fewest entries worth a lock of their own.
	minShard = 256
	// overflowShare is the share of overflow buckets: one per so many.
	overflowShare = 4
	// minOverflow is enough overflow buckets for the smallest tables with an
	// unlucky seed.
	minOverflow = 4
)

// MaxSize is the most connections a table can be made for: indexes are 32-bit.
const MaxSize = 1 << 30

// shard guards the buckets whose number begins with the shard's, and owns a
// stretch of entries and of overflow buckets. Entries may serve other shards
// when those run out of their own.
type shard struct {
	mu       sync.Mutex
	home     int    // the first of the shard's buckets
	order    uint64 // of the youngest connection
	first    uint32 // the shard's own entries are first..end-1
	end      uint32
	overHead uint32 // number+1 of the first free overflow bucket

	// Both change under mu and are read without it. freeHead is index+1 of the
	// first entry of the free list: Expect loads that entry ahead. fresh is the
	// first of the shard's own entries that was never used: sweepers stop there.
	freeHead ordered.Uint32
	fresh    ordered.Uint32

	search search // for what a full table evicts

	_ [64]byte // keep neighbouring locks off this cache line
}

// Table is the connection table. All methods may be called by all workers at
// any time.
type Table struct {
	buckets    []bucket
	overflow   []bucket
	entries    []entry
	extensions []extension    // at the same indexes, untouched by most connections
	streams    []streams      // likewise; nil: they are not tracked
	due        []atomic.Int64 // when a chunk is to be looked at; 0: at once
	shards     []shard
	homeShift  uint // from hash to bucket number, less than 64
	shardShift uint // from bucket number to shard number
	seed       [3]uint64
	data       dataTable
	origin     *Table                         // of a shadow
	countFrom  uint32                         // see CountFrom
	unassured  func(server uint32) *Unassured // see Share; nil: all connections are of one service
	stepped    func()                         // see step

	_       [64]byte // what follows changes with every connection
	used    atomic.Int64
	anyPort atomic.Int64 // connections whose client's port is not known
	_       [48]byte
	offers  [maxShards / 64]atomic.Uint64 // a bit for each shard that knows connections to evict
	_       [32]byte
}

// New makes a table that holds up to size connections. The memory is reserved
// at once and touched as it is used: about 100 bytes per connection.
// Precondition: 1 ≤ size ≤ MaxSize.
func New(size int) (*Table, error) {
	return NewFrom(size, [3]uint64{rand.Uint64(), rand.Uint64(), rand.Uint64()})
}

// NewFrom is like New but takes the hash seed from its caller, so that a test that failed
// can have the same hash again. The seed must look random.
func NewFrom(size int, seed [3]uint64) (*Table, error) { return newTable(size, shardsOf(size), seed) }

// shardsOf returns the number of shards of a table.
func shardsOf(size int) int { return min(maxShards, 1<<(bits.Len(uint(size/minShard)))) }

// NewSeeded is like New but uses a fixed hash seed, so the places of connections, and
// which of them a nearly full table refuses, are reproducible. The seed must look
// random: small numbers spread connections badly. The table has one shard, so the order
// of all connections is known. One worker at a time may use it.
func NewSeeded(size int, seed [3]uint64) (*Table, error) { return newTable(size, 1, seed) }

func newTable(size, shards int, seed [3]uint64) (*Table, error) {
	t := &Table{seed: seed}
	// Two connections a bucket when full: one in a thousand overflows.
	bucketBits := max(1, uint(bits.Len(uint(max(size, 2*shards)-1)))-1)
	t.homeShift = 64 - bucketBits
	t.shardShift = bucketBits - uint(bits.Len(uint(shards))-1)
	perShard := max(minOverflow, (1<<t.shardShift)/overflowShare)

	var err error
	if t.buckets, err = arena.Make[bucket](1 << bucketBits); err != nil {
		return nil, err
	}
	if t.overflow, err = arena.Make[bucket](shards * perShard); err != nil {
		t.Close()
		return nil, err
	}
	if t.entries, err = arena.Make[entry](size); err != nil {
		t.Close()
		return nil, err
	}
	if t.extensions, err = arena.MakeSparse[extension](size); err != nil {
		t.Close()
		return nil, err
	}
	if t.due, err = arena.Make[atomic.Int64]((size + chunk - 1) / chunk); err != nil {
		t.Close()
		return nil, err
	}
	t.shards = make([]shard, shards)
	for i := range t.shards {
		s := &t.shards[i]
		s.home = i << t.shardShift
		s.first, s.end = stretch(i, size, shards), stretch(i+1, size, shards)
		s.fresh.Store(s.first)
		t.linkOverflow(s, i*perShard, perShard)
	}
	return t, nil
}

// stretch returns the first of the entries that shard i of shards owns. All of a
// chunk are one shard's, so that one sweeper looks at them.
func stretch(i, size, shards int) uint32 {
	if i == shards {
		return uint32(size)
	}
	return uint32(i * size / shards / chunk * chunk)
}

// linkOverflow puts n overflow buckets from first on into s's free list.
func (t *Table) linkOverflow(s *shard, first, n int) {
	for i := first; i < first+n; i++ {
		t.overflow[i].next.Store(uint64(s.overHead))
		s.overHead = uint32(i + 1)
	}
}

// Close frees the table. No worker may use it any more.
func (t *Table) Close() {
	arena.Free(t.buckets)
	arena.Free(t.overflow)
	arena.Free(t.entries)
	arena.Free(t.extensions)
	arena.Free(t.due)
	if t.streams != nil {
		arena.Free(t.streams)
	}
	t.buckets, t.overflow, t.entries, t.extensions, t.due, t.streams = nil, nil, nil, nil, nil, nil
}

// CountFrom makes new connections begin as if n of the client's packets had come
// already. Most packets are handled differently once a connection has many packets;
// tests use CountFrom to get there with the first packet.
// Precondition: the table is empty.
func (t *Table) CountFrom(n uint32) { t.countFrom = min(n, maxPackets) }

// Size returns the most connections the table holds.
func (t *Table) Size() int { return len(t.entries) }

// Used returns how many connections the table holds now.
func (t *Table) Used() int { return int(t.used.Load()) }
