package fragment

import (
	"encoding/binary"
	"math/bits"

	"director/packet"
)

const (
	// Timeout is how long a datagram may take from its first fragment to come
	// to its last, in nanoseconds (IP_FRAG_TIME of the kernel's
	// include/net/ip.h).
	Timeout = 30_000_000_000
	// MaxFragments is the most fragments a datagram may have: one of 65535
	// bytes over links of 576 bytes, the least that every host must take whole
	// (RFC 791 §3.1), has 119.
	MaxFragments = 128
	// Memory is what a Table should get when nobody says otherwise: the
	// kernel's ipfrag_high_thresh.
	Memory = 4 << 20

	// shardCount is how many locks the table has, for workers not to wait for
	// one another. Each shard has its part of the memory, so more of them
	// would make the parts too small for a few large datagrams.
	shardCount = 8
)

// Result is what became of a fragment that was added.
type Result uint8

const (
	// Waiting: it is stored until the datagram is whole.
	Waiting Result = iota
	// Complete: the datagram is whole.
	Complete
	// Duplicate: the table has this fragment; the copy was dropped.
	Duplicate
	// Overlap: part of its range had come already.
	Overlap
	// Malformed: by itself (no data, a length that is no multiple of 8 in
	// front of others, an end beyond 65535 bytes) or with the others of its
	// datagram (data behind the last fragment, ECN marks that RFC 3168 §5.3
	// forbids together).
	Malformed
	// NoRoom: no memory, or the datagram has MaxFragments without it.
	NoRoom
)

// Outcome is what Add did, counted in frames. Every frame that was added and
// has not left as part of a complete datagram is counted once: by one of these
// or by Expire.
type Outcome struct {
	Result Result
	// Dropped is for Result: the frame itself and, unless it is a Duplicate,
	// the ones that waited with it.
	Dropped int
	// Evicted are of the oldest datagrams, which gave way to this frame.
	Evicted int
	// Expired are of datagrams whose time was over when this frame came.
	Expired int
}

// Table is where fragments wait. All methods may be called by all workers at
// any time.
type Table struct {
	shards [shardCount]shard
	seed   [2]uint64
}

// key is what fragments of one datagram have in common (RFC 791 §3.2), in host
// order.
type key struct {
	src, dst uint32
	id       uint16
	proto    uint8
}

// New makes a table of about that many bytes, all reserved at once; one
// datagram of MaxFragments large frames always has room. The seed hides from
// senders which datagrams share a lock and a part of the memory; it must look
// random, also where it is fixed so that the outcome is the same every time.
func New(memory int, seed [2]uint64) *Table {
	t := &Table{seed: seed}
	for i := range t.shards {
		t.shards[i].init(max(memory/shardCount/cellCost, MaxFragments*cellsOf(packet.MaxFrame)))
	}
	return t
}

// Add takes a copy of the fragment f, which came in by the interface at now, in
// nanoseconds. With Complete, and only then, all of the datagram is written to
// d and has left the table. f remains the caller's.
//
// Precondition: packet.Parse returned packet.Fragment for f.
func (t *Table) Add(f *packet.Frame, iface uint8, now int64, d *Datagram) (o Outcome) {
	p, sound := pieceOf(f)
	p.iface = iface
	k := keyOf(f)
	s := t.shardOf(k)

	s.mu.Lock()
	o.Expired = s.expire(now)
	id := s.byKey[k]
	if sound {
		id = s.add(id, k, f.Bytes(), p, now, &o)
	} else {
		s.refuse(id, Malformed, &o)
	}
	s.mu.Unlock()

	if o.Result == Complete {
		// The datagram is in no list now, so nobody else touches its cells.
		d.fill(s, id)
		s.mu.Lock()
		s.release(id)
		s.mu.Unlock()
	}
	return o
}

// Expire drops the datagrams whose time is over at now, in nanoseconds, and
// returns how many frames they were. It takes no lock where there are none.
func (t *Table) Expire(now int64) (frames int) {
	for i := range t.shards {
		s := &t.shards[i]
		if s.due.Load() > now {
			continue
		}
		s.mu.Lock()
		frames += s.expire(now)
		s.mu.Unlock()
	}
	return frames
}

// shardOf mixes the key with the seed by two folded multiplications, as wyhash
// does.
func (t *Table) shardOf(k key) *shard {
	hi, lo := bits.Mul64((uint64(k.src)<<32|uint64(k.dst))^t.seed[0], (uint64(k.id)<<8|uint64(k.proto))^t.seed[1])
	hi, lo = bits.Mul64(hi^lo, t.seed[0]|1)
	return &t.shards[(hi^lo)%shardCount]
}

func keyOf(f *packet.Frame) key {
	return key{
		src: f.Src.V4(), dst: f.Dst.V4(),
		id: binary.BigEndian.Uint16(f.IP()[ipID:]), proto: f.Proto,
	}
}
