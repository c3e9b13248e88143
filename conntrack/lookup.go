package conntrack

import (
	"math/bits"

	"director/packet"
)

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
	hints = hints[:len(hashes)]
	for _, hash := range hashes {
		t.home(hash).tags[0].Load()
	}
	for i, hash := range hashes {
		hints[i] = t.home(hash).likely(tagOf(hash))
	}
	entries := t.entries
	for _, h := range hints {
		if i := uint64(h) - 1; i < uint64(len(entries)) {
			entries[i].state.Load()
		}
	}
}

// likely returns the hint for a tag.
func (b *bucket) likely(tag uint64) Hint {
	set := b.match(tag)
	if set == 0 || set&(set-1) != 0 || b.next.Load() != 0 {
		return 0
	}
	return Hint(b.index[set.first()].Load() + 1)
}

// IsIn is FindIn where there is a hint. It may report false although there is a
// connection; c is undefined then.
func (t *Table) IsIn(h Hint, f *packet.Flow, c *Conn) bool {
	i := uint64(h) - 1
	if i >= uint64(len(t.entries)) {
		return false
	}
	e := &t.entries[i]
	word := e.state.Load()
	// Word by word, as read does.
	c.index, c.word = uint32(i), word
	c.addrs, c.dest, c.srvWord = e.addrs.Load(), e.dest.Load(), e.server.Load()
	return c.isIn(f) && word&liveBit != 0 && same(word, e.state.Load())
}

// IsOut is FindOut where there is a hint. It may report false although there is
// a connection; c is undefined then.
func (t *Table) IsOut(h Hint, f *packet.Flow, c *Conn) bool {
	i := uint64(h) - 1
	if i >= uint64(len(t.entries)) {
		return false
	}
	e := &t.entries[i]
	word := e.state.Load()
	c.index, c.word = uint32(i), word
	c.addrs, c.dest, c.srvWord = e.addrs.Load(), e.dest.Load(), e.server.Load()
	return c.isOut(f) && word&liveBit != 0 && same(word, e.state.Load())
}

// FindIn looks up the connection of a client's packet. hash is HashIn(f).
func (t *Table) FindIn(hash uint64, f *packet.Flow, c *Conn) bool {
	b, tag := t.home(hash), tagOf(hash)
	for range maxChain {
		for set := b.match(tag); set != 0; set &= set - 1 {
			index := b.index[set.first()].Load()
			if t.entries[index].read(index, c) && c.isIn(f) {
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
			if !t.entries[index].read(index, &found) || !found.isOut(f) {
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
