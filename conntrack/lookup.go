package conntrack

import (
	"math/bits"

	"director/packet"
)

// HashIn returns the hash under which a client's packet finds its connection.
func (t *Table) HashIn(f *packet.Flow) uint64 { return t.Hash(f.Src, f.SrcPort, f.Proto) }

// HashOut returns the hash under which a real server's answer finds it.
func (t *Table) HashOut(f *packet.Flow) uint64 { return t.Hash(f.Dst, f.DstPort, f.Proto) }

// Hash is HashIn or HashOut of the client's side, which it mixes with the table's
// seed by two folded multiplications (as wyhash does): clients cannot choose ports
// that collide without knowing the seed.
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

// Seek finds out where the connections with these hashes are likely to be, and
// has everything that looking them up and using them needs in the cache when it
// returns. Nothing in a loop waits for what the loop loads, so that the cache
// misses of all of them overlap: what takes a batch of packets longest, if they
// are looked up one by one. There is a hint only where no other connection can be
// meant. len(hints) must not be less than len(hashes).
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
// HashOut(f). Only a masquerading connection has answers. Where the same client
// address and port talks to one server by way of two virtual services, the
// connection that was made last answers, as in IPVS.
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
