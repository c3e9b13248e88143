package conntrack

import (
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"director/internal/arena"
	"director/packet"
)

const (
	// slots is the number of connections of a bucket; its eighth word links
	// to an overflow bucket.
	slots = 7
	link  = slots
	// maxChain bounds the buckets that a look-up walks.
	maxChain = 16
	// maxPerClient bounds the connections of one client address and port,
	// which all meet in one chain: to this many virtual services at a time.
	// It is little more than half of what a chain holds, so that whoever
	// exhausts it leaves room for others that meet there.
	maxPerClient = 64
	// maxShards is the most locks a table has: enough that workers rarely
	// meet, few enough that sweeping visits each in turn within a second.
	maxShards = 256
	// minShard is the fewest entries worth a lock of their own.
	minShard = 256
	// overflowShare is the share of overflow buckets: one per so many.
	overflowShare = 4
	// minOverflow lets the smallest tables survive an unlucky seed.
	minOverflow = 4
)

// MaxSize is the most connections a table can be made for: indexes are 32-bit.
const MaxSize = 1 << 30

// bucket is one cache line. A slot is tag<<32 | index+1, or 0 when free; the
// link is the number of the next bucket of the chain, plus 1.
type bucket struct {
	word [8]atomic.Uint64
}

// shard guards the buckets whose number begins with the shard's, and owns a
// stretch of entries and of overflow buckets. Entries may serve other shards
// when those run out of their own.
type shard struct {
	mu       sync.Mutex
	home     int    // the first of the shard's buckets
	order    uint64 // of the youngest connection
	freeHead uint32 // index+1 of the first entry of the free list
	first    uint32 // the shard's own entries are first..end-1
	end      uint32
	overHead uint32 // number+1 of the first free overflow bucket

	halfOpen shortlist // whom a full table forgets first

	// fresh is the first of the shard's own entries that was never used. It
	// grows under mu; sweepers read it without.
	fresh atomic.Uint32
	_     [64]byte // keep neighbouring locks off this cache line
}

// Table is the connection table. All methods may be called by all workers at
// any time.
type Table struct {
	buckets    []bucket
	overflow   []bucket
	entries    []entry
	shards     []shard
	bucketBits uint
	shardShift uint // from bucket number to shard number
	seed       [3]uint64
	used       atomic.Int64
	anyPort    atomic.Int64                  // connections whose client's port is not known
	offers     [maxShards / 64]atomic.Uint64 // a bit for each shard that knows half-open connections
	data       dataTable
}

// New makes a table that holds up to size connections. The memory is reserved
// at once and touched as it is used: about 100 bytes per connection.
// Precondition: 1 ≤ size ≤ MaxSize.
func New(size int) (*Table, error) {
	shards := min(maxShards, 1<<(bits.Len(uint(size/minShard))))
	return newTable(size, shards, [3]uint64{rand.Uint64(), rand.Uint64(), rand.Uint64()})
}

// NewSeeded is New with a secret that is none: where connections lie, and with
// it which is refused by a table that is almost full, is the same every time.
// The seed must look random: small numbers spread connections badly.
// It has one shard, so that connections know their order whatever their shard:
// for one worker at a time.
func NewSeeded(size int, seed [3]uint64) (*Table, error) { return newTable(size, 1, seed) }

func newTable(size, shards int, seed [3]uint64) (*Table, error) {
	t := &Table{seed: seed}
	// Two connections a bucket when full: one in a thousand overflows.
	t.bucketBits = uint(bits.Len(uint(max(size, 2*shards)-1))) - 1
	t.shardShift = t.bucketBits - uint(bits.Len(uint(shards))-1)
	perShard := max(minOverflow, (1<<t.shardShift)/overflowShare)

	var err error
	if t.buckets, err = arena.Make[bucket](1 << t.bucketBits); err != nil {
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
	t.shards = make([]shard, shards)
	for i := range t.shards {
		s := &t.shards[i]
		s.home = i << t.shardShift
		s.first, s.end = uint32(i*size/shards), uint32((i+1)*size/shards)
		s.fresh.Store(s.first)
		t.linkOverflow(s, i*perShard, perShard)
	}
	return t, nil
}

// linkOverflow puts n overflow buckets from first on into s's free list.
func (t *Table) linkOverflow(s *shard, first, n int) {
	for i := first; i < first+n; i++ {
		t.overflow[i].word[link].Store(uint64(s.overHead))
		s.overHead = uint32(i + 1)
	}
}

// Close frees the table. No worker may use it any more.
func (t *Table) Close() {
	arena.Free(t.buckets)
	arena.Free(t.overflow)
	arena.Free(t.entries)
	t.buckets, t.overflow, t.entries = nil, nil, nil
}

// Size returns the most connections the table holds.
func (t *Table) Size() int { return len(t.entries) }

// Used returns how many connections the table holds now.
func (t *Table) Used() int { return int(t.used.Load()) }

// HashIn returns the hash under which a client's packet finds its connection.
func (t *Table) HashIn(f *packet.Flow) uint64 { return t.hash(f.Src, f.SrcPort, f.Proto) }

// HashOut returns the hash under which a real server's answer finds it.
func (t *Table) HashOut(f *packet.Flow) uint64 { return t.hash(f.Dst, f.DstPort, f.Proto) }

// hash mixes the client's side with the table's seed by two folded
// multiplications (as wyhash does): clients cannot choose ports that collide
// without knowing the seed.
func (t *Table) hash(client packet.Addr, port uint16, proto uint8) uint64 {
	hi, lo := bits.Mul64(client.Lo^t.seed[0], client.Hi^t.seed[1]^uint64(port)<<8^uint64(proto))
	hi, lo = bits.Mul64(hi^lo^t.seed[2], t.seed[0]|1)
	return hi ^ lo
}

// Touch loads the bucket of hash, so that it is in the cache when Probe looks
// at it. The result means nothing.
func (t *Table) Touch(hash uint64) uint64 {
	return t.home(hash).word[0].Load()
}

// Hint says where a connection is likely to be: an index plus 1, or 0.
type Hint uint32

// Probe looks into the bucket of hash and loads the entry that is likely to be
// meant, so that it is in the cache when it is looked at. There is a hint only
// if no other connection can be meant.
func (t *Table) Probe(hash uint64) Hint {
	b, tag := t.home(hash), hash<<32>>32
	hint := Hint(0)
	for i := range slots {
		if w := b.word[i].Load(); w>>32 == tag && w != 0 {
			if hint != 0 {
				return 0
			}
			hint = Hint(w)
		}
	}
	if hint == 0 || b.word[link].Load() != 0 {
		return 0
	}
	t.entries[hint-1].state.Load()
	return hint
}

// IsIn is FindIn where there is a hint. It may report false although there is a
// connection.
func (t *Table) IsIn(h Hint, f *packet.Flow, c *Conn) bool {
	return h != 0 && t.entries[h-1].read(uint32(h-1), c) && c.isIn(f)
}

// IsOut is FindOut where there is a hint. It may report false although there is
// a connection.
func (t *Table) IsOut(h Hint, f *packet.Flow, c *Conn) bool {
	return h != 0 && t.entries[h-1].read(uint32(h-1), c) && c.isOut(f)
}

func (t *Table) home(hash uint64) *bucket { return &t.buckets[hash>>(64-t.bucketBits)] }

func (t *Table) shardOf(hash uint64) *shard {
	return &t.shards[hash>>(64-t.bucketBits)>>t.shardShift]
}

// FindIn looks up the connection of a client's packet. hash is HashIn(f).
func (t *Table) FindIn(hash uint64, f *packet.Flow, c *Conn) bool {
	b, tag := t.home(hash), hash<<32>>32
	for range maxChain {
		for i := range slots {
			w := b.word[i].Load()
			if w>>32 != tag || w == 0 {
				continue
			}
			index := uint32(w) - 1
			if t.entries[index].read(index, c) && c.isIn(f) {
				return true
			}
		}
		next := b.word[link].Load()
		if next == 0 {
			return false
		}
		b = &t.overflow[next-1]
	}
	return false
}

// FindOut looks up the connection of a real server's answer. hash is
// HashOut(f). Only a masquerading connection has answers. Where the same client
// address and port talks to one server by way of two virtual services, the
// connection that was made last answers, as in IPVS.
func (t *Table) FindOut(hash uint64, f *packet.Flow, c *Conn) bool {
	b, tag := t.home(hash), hash<<32>>32
	var best uint64
	for range maxChain {
		for i := range slots {
			w := b.word[i].Load()
			if w>>32 != tag || w == 0 {
				continue
			}
			index := uint32(w) - 1
			var found Conn
			if !t.entries[index].read(index, &found) || !found.isOut(f) {
				continue
			}
			if order := t.entries[index].order.Load(); order > best {
				best, *c = order, found
			}
		}
		next := b.word[link].Load()
		if next == 0 {
			break
		}
		b = &t.overflow[next-1]
	}
	return best != 0
}
