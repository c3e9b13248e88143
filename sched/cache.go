package sched

import "director/packet"

// Limits and periods of the caches of lblc and lblcr (ip_vs_lblc.c, ip_vs_lblcr.c).
// Times are in nanoseconds.
const (
	cacheBits  = 10                 // of hash32: 1024 chains
	cacheLarge = 16384              // with more entries than that, idle ones are removed early
	cacheFull  = cacheLarge * 3 / 2 // with more entries than that, none is added

	second         = 1_000_000_000
	cacheTick      = 60 * second
	cacheFullSweep = 30           // after that many quiet ticks all entries are examined
	cacheIdle      = 360 * second // after that time without use, an entry may be removed early
)

// cache stores a value for each destination address. It grows up to cacheFull and reuses
// removed entries. Its time passes only in collect. Ticks are counted from the first
// entry.
type cache[V any] struct {
	chains  [1 << cacheBits]int32 // the index of each chain's first entry, plus 1; 0: none
	entries []entry[V]
	free    int32 // chain of the entries without a destination
	count   int   // of the other entries
	tick    int64 // time of the next one, 0 before the first entry
	quiet   int   // ticks without early removal since the last full sweep
	rover   int   // the chain at which the last sweep stopped
}

type entry[V any] struct {
	addr  packet.Addr
	used  int64 // time of the last use
	next  int32 // the next entry of the chain, as in chains
	value V
}

// find returns the entry of a, or nil. The entry is valid until the next insert.
func (c *cache[V]) find(a packet.Addr) *entry[V] {
	for n := c.chains[hash32(fold(a), cacheBits)]; n != 0; {
		e := &c.entries[n-1]
		if e.addr == a {
			return e
		}
		n = e.next
	}
	return nil
}

// insert makes an entry for a, which must not have one. It returns nil if the cache is
// full.
func (c *cache[V]) insert(a packet.Addr, now int64) *entry[V] {
	if c.count > cacheFull {
		return nil
	}
	if c.tick == 0 {
		c.tick = now + cacheTick
	}
	n := c.free
	if n == 0 {
		c.entries = append(c.entries, entry[V]{})
		n = int32(len(c.entries))
	} else {
		c.free = c.entries[n-1].next
	}
	c.count++
	chain := &c.chains[hash32(fold(a), cacheBits)]
	e := &c.entries[n-1]
	*e = entry[V]{addr: a, used: now, next: *chain}
	*chain = n
	return e
}

// collect does the work of all ticks until now. expiry is the time for which an entry
// may be idle. The result depends on the time alone, so anybody may call collect at any
// time.
func (c *cache[V]) collect(now, expiry int64) {
	for ; c.tick != 0 && c.tick <= now; c.tick += cacheTick {
		switch {
		case c.quiet == cacheFullSweep-1:
			c.sweep(c.tick-expiry, c.count)
			c.quiet = 0
		case c.count > cacheLarge:
			c.sweep(c.tick-cacheIdle, min((c.count-cacheLarge)*4/3, cacheLarge/2))
		default:
			c.quiet++
		}
	}
}

// sweep removes entries that were last used before the given time. It continues with the
// chain at which the last sweep stopped, and ends when it has removed as many as its
// goal.
func (c *cache[V]) sweep(before int64, goal int) {
	for n := 0; n < len(c.chains) && goal > 0; n++ {
		c.rover = (c.rover + 1) % len(c.chains)
		for link := &c.chains[c.rover]; *link != 0; {
			n := *link
			e := &c.entries[n-1]
			if e.used >= before {
				link = &e.next
				continue
			}
			*link = e.next
			*e = entry[V]{next: c.free}
			c.free = n
			c.count--
			goal--
		}
	}
}
