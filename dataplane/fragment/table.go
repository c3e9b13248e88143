package fragment

import (
	"encoding/binary"
	"math/bits"

	"director/packet"
)

const (
	// Timeout is the time in nanoseconds within which all fragments of a datagram
	// must arrive after the first one arrived (IP_FRAG_TIME in the kernel's
	// include/net/ip.h).
	Timeout = 30_000_000_000
	// MaxFragments is the maximum number of fragments of a datagram. A datagram of
	// 65535 bytes in fragments of 576 bytes has 119. Every host must accept packets
	// of 576 bytes (RFC 791 §3.1).
	MaxFragments = 128
	// Memory is the default size of a Table in bytes: the kernel's ipfrag_high_thresh.
	Memory = 4 << 20

	// shardCount is the number of shards. With several locks the workers seldom wait
	// for each other. Each shard has its own part of the memory. With more shards,
	// the parts would be too small for a few large datagrams.
	shardCount = 8
)

// Result is the result of adding a fragment.
type Result uint8

const (
	// Waiting: the fragment is stored until the datagram is complete.
	Waiting Result = iota
	// Complete: the datagram is complete.
	Complete
	// Duplicate: the table already has this fragment, and the copy was dropped.
	Duplicate
	// Overlap: a part of the fragment's range has already arrived.
	Overlap
	// Malformed: the fragment is invalid or contradicts the others. It is invalid if
	// it has no data, if it ends beyond 65535 bytes, or if it is not the last one and
	// its length is not a multiple of 8. It contradicts the others if data follows
	// the last fragment, or if RFC 3168 §5.3 forbids their combination of ECN fields.
	Malformed
	// NoRoom: there is no memory, or the datagram already has MaxFragments fragments.
	NoRoom
)

// Outcome is the outcome of Add, with the numbers of frames that were dropped. Every
// frame that does not leave the table as part of a complete datagram is counted once,
// in one of these numbers or by Expire.
type Outcome struct {
	Result Result
	// Dropped counts the frame itself and, unless it is a Duplicate, the stored
	// frames of its datagram.
	Dropped int
	// Evicted counts the frames of the oldest datagrams that were removed to make
	// room.
	Evicted int
	// Expired counts the frames of datagrams that had expired when this frame
	// arrived.
	Expired int
}

// Table stores fragments until their datagrams are complete. All workers may call its
// methods at any time.
type Table struct {
	shards [shardCount]shard
	seed   [2]uint64
}

// key identifies a datagram (RFC 791 §3.2). The fields are in host order.
type key struct {
	src, dst uint32
	id       uint16
	proto    uint8
}

// New returns a table of about memory bytes, which it allocates at once. The table
// always has room for one datagram of MaxFragments large frames. Because of the seed,
// senders do not know which datagrams share a shard. The seed must look random, even
// if it is fixed to make runs reproducible.
func New(memory int, seed [2]uint64) *Table {
	t := &Table{seed: seed}
	for i := range t.shards {
		t.shards[i].init(max(memory/shardCount/cellCost, MaxFragments*cellsOf(packet.MaxFrame)))
	}
	return t
}

// Add adds a copy of the fragment f, which arrived on interface iface. now is in
// nanoseconds. If the result is Complete, the datagram is written to d and removed
// from the table. Otherwise d does not change. The caller keeps f.
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
		// The datagram is in no list now, so no other worker uses its cells.
		d.fill(s, id)
		s.mu.Lock()
		s.release(id)
		s.mu.Unlock()
	}
	return o
}

// Expire drops the datagrams whose deadline has passed and returns the number of
// their frames. now is in nanoseconds. Expire takes a lock only for shards that have
// such datagrams.
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

// shardOf returns the shard of a key. It hashes the key and the seed with two folded
// multiplications, as wyhash does.
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
