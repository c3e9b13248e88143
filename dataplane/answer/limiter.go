package answer

import (
	"sync"
	"time"

	"director/packet"
)

const (
	// burst is how many errors one destination gets at once
	// (XRLIM_BURST_FACTOR in net/ipv4/inetpeer.c).
	burst = 6
	// All destinations together get one error per interval, in nanoseconds, and
	// so many at once (icmp_msgs_per_sec, icmp_msgs_burst).
	totalInterval = int64(time.Millisecond)
	totalBurst    = 50
)

// Places for the buckets of destinations. The limit for all lets 1050
// destinations at most have a bucket that is not full where a bucket is refilled
// once a second, so a set of four overflows seldom.
const (
	setBits = 10
	ways    = 4
)

// Limiter says which ICMP errors may leave, as the kernel's icmp_ratelimit,
// icmp_ratemask, icmp_msgs_per_sec and icmp_msgs_burst do. The zero Limiter holds
// nothing back. It is shared by all workers, never grows, and what it says
// follows from the calls alone.
//
// A bucket is kept as the instant at which it will be full again. One that is
// full therefore needs no place: it is like that of a destination never seen.
type Limiter struct {
	mu       sync.Mutex
	interval int64 // nanoseconds in which a destination's bucket gains one; 0: no limit for destinations
	mask     uint32
	total    bucket
	sets     [1 << setBits][ways]place
}

// place holds the bucket of one destination.
type place struct {
	dst packet.Addr
	bucket
}

// Set makes interval the time in which a destination's bucket gains one error (0
// leaves the limit for all destinations together), and mask the limited types,
// bit n for type n. A new interval fills all buckets of destinations.
func (l *Limiter) Set(interval time.Duration, mask uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mask = mask
	if l.interval != int64(interval) {
		l.interval = int64(interval)
		clear(l.sets[:])
	}
}

// Copy returns a limiter that says what l would say, and counts for itself.
func (l *Limiter) Copy() *Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Limiter{interval: l.interval, mask: l.mask, total: l.total, sets: l.sets}
}

// Allow reports whether an error of type typ and code code may go to dst at now,
// in nanoseconds, and counts it if so. Types outside the mask pass uncounted, and
// so does "fragmentation needed" always, without which path-MTU discovery fails.
//
// An error must pass both limits and takes from neither unless it passes both, in
// the kernel's order since 6.11 (icmp_send). So a client that asks too often
// cannot use up what is for all, nor learn by it what others do; and an error
// that the limit for all holds back costs its destination nothing.
func (l *Limiter) Allow(dst packet.Addr, typ, code uint8, now int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if uint32(1)<<typ&l.mask == 0 || typ == packet.ICMPUnreachable && code == packet.CodeFragNeeded {
		return true
	}
	if !l.total.ready(now, totalInterval, totalBurst) {
		return false
	}
	if l.interval > 0 {
		b := l.bucket(dst, now)
		if !b.ready(now, l.interval, burst) {
			return false
		}
		b.take(now, l.interval)
	}
	l.total.take(now, totalInterval)
	return true
}

// bucket returns the bucket of dst, a full one if it has no place yet. Where all
// places of its set are taken, it gets that of the bucket which is soonest full.
func (l *Limiter) bucket(dst packet.Addr, now int64) *bucket {
	// 2^64 divided by the golden ratio spreads neighbouring addresses.
	set := &l.sets[(dst.Hi^dst.Lo)*0x9e3779b97f4a7c15>>(64-setBits)]
	soonest := &set[0]
	for i := range set {
		p := &set[i]
		if p.dst == dst {
			return &p.bucket
		}
		if p.full < soonest.full {
			soonest = p
		}
	}
	*soonest = place{dst: dst, bucket: bucket{full: now}}
	return &soonest.bucket
}

// bucket holds tokens and gains one per interval until it has burst.
type bucket struct {
	full int64 // when it will be full again, or was, in nanoseconds
}

// ready reports whether at least one token is there.
func (b *bucket) ready(now, interval, burst int64) bool {
	return b.full-now <= (burst-1)*interval
}

// take takes one token. Precondition: the bucket is ready.
func (b *bucket) take(now, interval int64) { b.full = max(b.full, now) + interval }
