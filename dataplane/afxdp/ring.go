package afxdp

import "sync/atomic"

// shared is the memory of a ring, which the director shares with the kernel. The
// indices increase and wrap at 2^32. The length of the ring is a power of two. The
// producer writes head after it has written the entries. The consumer writes tail
// after it has read them. sync/atomic guarantees this order on every architecture.
type shared[T any] struct {
	head, tail *uint32
	flags      *uint32
	entries    []T
}

// producer is the director's end of a ring that the kernel consumes: the fill ring or
// the transmit ring. One goroutine uses it.
type producer[T any] struct {
	ring shared[T]
	mask uint32
	next uint32 // index of the next entry to put; publish stores it in head
	tail uint32 // the kernel's position when it was last read
}

func newProducer[T any](r shared[T]) producer[T] {
	return producer[T]{
		ring: r,
		mask: uint32(len(r.entries) - 1),
		next: atomic.LoadUint32(r.head),
		tail: atomic.LoadUint32(r.tail),
	}
}

// room returns how many entries may be put, up to n. It reads the kernel's position
// only if the stored position is not sufficient.
func (p *producer[T]) room(n uint32) uint32 {
	size := p.mask + 1
	free := size - (p.next - p.tail)
	if free < n {
		p.tail = atomic.LoadUint32(p.ring.tail)
		free = size - (p.next - p.tail)
	}
	return min(free, n)
}

// put writes an entry. Precondition: the ring has room.
func (p *producer[T]) put(v T) {
	p.ring.entries[p.next&p.mask] = v
	p.next++
}

// publish makes the entries visible to the kernel.
func (p *producer[T]) publish() { atomic.StoreUint32(p.ring.head, p.next) }

// pending returns the number of published entries that the kernel has not consumed.
func (p *producer[T]) pending() uint32 {
	p.tail = atomic.LoadUint32(p.ring.tail)
	return p.next - p.tail
}

// sleeping reports whether the kernel waits for a system call before it reads the
// ring (XDP_USE_NEED_WAKEUP).
func (p *producer[T]) sleeping() bool {
	return atomic.LoadUint32(p.ring.flags)&needWakeup != 0
}

// needWakeup is XDP_RING_NEED_WAKEUP, linux/if_xdp.h.
const needWakeup = 1

// consumer is the director's end of a ring that the kernel produces: the receive ring
// or the completion ring. One goroutine uses it.
type consumer[T any] struct {
	ring shared[T]
	mask uint32
	next uint32 // index of the next entry to take; release stores it in tail
	head uint32 // the kernel's position when it was last read
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

// take reads the next entry. Precondition: an entry is ready.
func (c *consumer[T]) take() T {
	v := c.ring.entries[c.next&c.mask]
	c.next++
	return v
}

// release returns the slots of the taken entries to the kernel.
func (c *consumer[T]) release() { atomic.StoreUint32(c.ring.tail, c.next) }
