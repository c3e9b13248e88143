package answer

import (
	"sync"
	"time"

	"director/packet"
)

const (
	// burst is the number of errors that one destination can get at once
	// (XRLIM_BURST_FACTOR in net/ipv4/inetpeer.c).
	burst = 6
	// All destinations together get one error per totalInterval (in nanoseconds), and
	// totalBurst at once (icmp_msgs_per_sec, icmp_msgs_burst).
	totalInterval = int64(time.Millisecond)
	totalBurst    = 50
)

// The buckets of destinations are stored in 2^setBits sets of ways places. If a
// bucket gains one token a second, the limit for all destinations allows at most 1050
// buckets that are not full. So a set of four seldom overflows.
const (
	setBits = 10
	ways    = 4
)

// Limiter limits the rate of ICMP errors, as the kernel does with icmp_ratelimit,
// icmp_ratemask, icmp_msgs_per_sec and icmp_msgs_burst. The zero Limiter allows every
// error. All workers share it. It never grows, and its decisions depend only on the
// calls.
//
// A bucket is stored as the time at which it will be full again. A full bucket needs
// no place, because it is equal to the bucket of a new destination.
type Limiter struct {
	mu       sync.Mutex
	interval int64 // nanoseconds in which a destination's bucket gains one token; 0: no limit per destination
	mask     uint32
	total    bucket
	sets     [1 << setBits][ways]place
}

// place holds the bucket of one destination.
type place struct {
	dst packet.Addr
	bucket
}

// Set sets the time in which the bucket of a destination gains one error, and the
// types that are limited: bit n of mask is type n. With interval 0, only the limit
// for all destinations together remains. A changed interval fills the buckets of all
// destinations.
func (l *Limiter) Set(interval time.Duration, mask uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mask = mask
	if l.interval != int64(interval) {
		l.interval = int64(interval)
		clear(l.sets[:])
	}
}

// Copy returns a copy of l that counts separately.
func (l *Limiter) Copy() *Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Limiter{interval: l.interval, mask: l.mask, total: l.total, sets: l.sets}
}

// Allow reports whether an error of type typ and code code may be sent to dst, and
// counts it if so. now is in nanoseconds. Types outside the mask are always allowed
// and not counted. So is "fragmentation needed", because path-MTU discovery needs it.
//
// An error must pass both limits, and takes a token from each only if it passes both.
// The order is that of the kernel since 6.11 (icmp_send). So a client that causes too
// many errors cannot use up the limit of all destinations, and cannot observe the
// traffic of others by it. An error that the limit for all destinations refuses does
// not count for its destination.
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

// bucket returns the bucket of dst. A new destination gets a full bucket. It takes
// the place of the bucket in its set that will be full first.
func (l *Limiter) bucket(dst packet.Addr, now int64) *bucket {
	// Multiplying by 2^64 divided by the golden ratio spreads neighbouring addresses.
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

// bucket is a token bucket. It gains one token per interval until it has burst
// tokens.
type bucket struct {
	full int64 // the time, in nanoseconds, from which it is full
}

// ready reports whether the bucket has at least one token.
func (b *bucket) ready(now, interval, burst int64) bool {
	return b.full-now <= (burst-1)*interval
}

// take takes one token. Precondition: the bucket is ready.
func (b *bucket) take(now, interval int64) { b.full = max(b.full, now) + interval }
