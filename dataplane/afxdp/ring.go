package afxdp

import "sync/atomic"

// shared is the part of a ring that we have in common with the kernel. Indices
// count up for ever and wrap at 2^32; the ring's length is a power of two.
// Whoever produces writes head and whoever consumes writes tail, each after
// the entries it speaks for. sync/atomic orders that on every architecture.
type shared[T any] struct {
	head, tail *uint32
	flags      *uint32
	entries    []T
}

// producer is our end of a ring that the kernel consumes: fill and transmit.
// One goroutine uses it.
type producer[T any] struct {
	ring shared[T]
	mask uint32
	next uint32 // where the next entry goes; head once published
	tail uint32 // the kernel's position when last looked at
}

func newProducer[T any](r shared[T]) producer[T] {
	return producer[T]{
		ring: r,
		mask: uint32(len(r.entries) - 1),
		next: atomic.LoadUint32(r.head),
		tail: atomic.LoadUint32(r.tail),
	}
}

// room returns how many entries may be put, up to n. It looks at the kernel's
// position only if what it remembers of it is not enough.
func (p *producer[T]) room(n uint32) uint32 {
	size := p.mask + 1
	free := size - (p.next - p.tail)
	if free < n {
		p.tail = atomic.LoadUint32(p.ring.tail)
		free = size - (p.next - p.tail)
	}
	return min(free, n)
}

// put writes an entry. Precondition: room for it.
func (p *producer[T]) put(v T) {
	p.ring.entries[p.next&p.mask] = v
	p.next++
}

// publish lets the kernel see what was put.
func (p *producer[T]) publish() { atomic.StoreUint32(p.ring.head, p.next) }

// pending is how many published entries the kernel has not consumed.
func (p *producer[T]) pending() uint32 {
	p.tail = atomic.LoadUint32(p.ring.tail)
	return p.next - p.tail
}

// sleeping reports whether the kernel waits for a system call before it looks
// at the ring (XDP_USE_NEED_WAKEUP).
func (p *producer[T]) sleeping() bool {
	return atomic.LoadUint32(p.ring.flags)&needWakeup != 0
}

// needWakeup is XDP_RING_NEED_WAKEUP, linux/if_xdp.h.
const needWakeup = 1

// consumer is our end of a ring that the kernel produces: receive and
// completion. One goroutine uses it.
type consumer[T any] struct {
	ring shared[T]
	mask uint32
	next uint32 // the next entry to take; tail once released
	head uint32 // the kernel's position when last looked at
}

func newConsumer[T any](r shared[T]) consumer[T] {
	return consumer[T]{
		ring: r,
		mask: uint32(len(r.entries) - 1),
		next: atomic.LoadUint32(r.tail),
		head: atomic.LoadUint32(r.head),
	}
}

// ready returns how many entries can be taken, up to n.
func (c *consumer[T]) ready(n uint32) uint32 {
	have := c.head - c.next
	if have < n {
		c.head = atomic.LoadUint32(c.ring.head)
		have = c.head - c.next
	}
	return min(have, n)
}

// take reads the next entry. Precondition: one is ready.
func (c *consumer[T]) take() T {
	v := c.ring.entries[c.next&c.mask]
	c.next++
	return v
}

// release gives the slots of what was taken back to the kernel.
func (c *consumer[T]) release() { atomic.StoreUint32(c.ring.tail, c.next) }
