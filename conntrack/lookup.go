package conntrack

import (
	"math/bits"

	"director/packet"
)

// HashIn returns the hash under which a client's packet finds its connection.
func (t *Table) HashIn(f *packet.Flow) uint64 { return t.Hash(f.Src, f.SrcPort, f.Proto) }

// HashOut returns the hash under which a real server's answer finds it.
func (t *Table) HashOut(f *packet.Flow) uint64 { return t.Hash(f.Dst, f.DstPort, f.Proto) }

// Hash returns the hash of a client's address and port. It mixes them with the seed of
// the table by two folded multiplications, as wyhash does. The seed is secret, so
// clients cannot choose ports whose hashes collide.
func (t *Table) Hash(client packet.Addr, port uint16, proto uint8) uint64 {
	hi, lo := bits.Mul64(client.Lo^t.seed[0], client.Hi^t.seed[1]^uint64(port)<<8^uint64(proto))
	hi, lo = bits.Mul64(hi^lo^t.seed[2], t.seed[0]|1)
	return hi ^ lo
}

func (t *Table) home(hash uint64) *bucket { return &t.buckets[hash>>(t.homeShift&63)] }

func (t *Table) shardOf(hash uint64) *shard {
	return &t.shards[hash>>(t.homeShift&63)>>(t.shardShift&63)]
}

// Hint says where a connection is likely to be: an index plus 1, or 0.
type Hint uint32

// Seek writes a hint for each hash to hints, and loads the buckets and entries of these
// connections into the cache. A hint is 0 unless exactly one connection matches the
// hash. len(hints) must not be less than len(hashes).
//
// No iteration of a loop depends on the loads of an earlier one, so the cache misses of
// a whole batch overlap. If packets are looked up one by one, these misses take most of
// the time.
func (t *Table) Seek(hashes []uint64, hints []Hint) {
	buckets, shift, entries := t.buckets, t.homeShift&63, t.entries
	hints = hints[:len(hashes)]
	for _, hash := range hashes {
		buckets[hash>>shift].tags[0].Load()
	}
	for i, hash := range hashes {
		b, hint := &buckets[hash>>shift], Hint(0)
		if set := b.match(tagOf(hash)); set != 0 && set&(set-1) == 0 && b.next.Load() == 0 {
			hint = Hint(b.index[set.first()].Load() + 1)
		}
		hints[i] = hint
	}
	for _, h := range hints {
		if i := uint64(h) - 1; i < uint64(len(entries)) {
			entries[i].state.Load()
		}
	}
}

// FindIn looks up the connection of a client's packet. hash is HashIn(f).
func (t *Table) FindIn(hash uint64, f *packet.Flow, c *Conn) bool {
	b, tag := t.home(hash), tagOf(hash)
	for range maxChain {
		for set := b.match(tag); set != 0; set &= set - 1 {
			index := b.index[set.first()].Load()
			if t.entries[index].read(index, c) && (c.isIn(f) || c.isWide() && t.isWideIn(c, f)) {
				return true
			}
		}
		if b = t.after(b); b == nil {
			break
		}
	}
	return false
}

// FindOut looks up the connection of a real server's answer. hash is
// HashOut(f). Only a masqueraded connection has answers. If one client address and port
// has connections to the same server through two virtual services, FindOut returns the
// newest connection, as IPVS does.
func (t *Table) FindOut(hash uint64, f *packet.Flow, c *Conn) bool {
	b, tag := t.home(hash), tagOf(hash)
	var best uint64
	for range maxChain {
		for set := b.match(tag); set != 0; set &= set - 1 {
			index := b.index[set.first()].Load()
			var found Conn
			if !t.entries[index].read(index, &found) || !found.isOut(f) && !(found.isWide() && t.isWideOut(&found, f)) {
				continue
			}
			if order := t.entries[index].order.Load(); order > best {
				best, *c = order, found
			}
		}
		if b = t.after(b); b == nil {
			break
		}
	}
	return best != 0
}
