package sched

import "director/packet"

// Limits and periods of the caches of lblc and lblcr (ip_vs_lblc.c,
// ip_vs_lblcr.c), times in nanoseconds.
const (
	cacheBits  = 10                 // of hash32: 1024 chains
	cacheLarge = 16384              // entries above which idle ones are collected early
	cacheFull  = cacheLarge * 3 / 2 // entries above which none is added

	second         = 1_000_000_000
	cacheTick      = 60 * second
	cacheFullSweep = 30           // quiet ticks, the last of which looks at all entries
	cacheIdle      = 360 * second // idle for so long, an entry may go early
)

// cache remembers something for each destination address. It grows with the
// destinations seen, up to cacheFull, and reuses what it has collected. Time
// passes for it when somebody calls collect; ticks count from the first entry.
type cache[V any] struct {
	chains  [1 << cacheBits]int32 // first entry of each, as its index + 1; 0: none
	entries []entry[V]
	free    int32 // chain of the entries without a destination
	count   int   // of the others
	tick    int64 // time of the next one, 0 before the first entry
	quiet   int   // ticks without early collection since the last full sweep
	rover   int   // chain at which collection stopped
}

type entry[V any] struct {
	addr  packet.Addr
	used  int64 // when it was last looked at
	next  int32 // in its chain, as in chains
	value V
}

// find returns the entry of a, or nil. It is valid until the next insert.
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

// insert makes an entry for a, which has none. It returns nil when the cache is
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

// collect makes up for the ticks until now; expiry is how long an entry may be
// idle. It does what time does, so it makes no difference who calls it or how
// often.
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

// sweep removes entries that were last used before the given time, chain by
// chain from where the last sweep stopped, until it has removed as many as its
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
