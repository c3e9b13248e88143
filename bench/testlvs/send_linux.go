package testlvs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Report contains what was sent.
type Report struct {
	Due     uint64        `json:"due"`     // SYNs
	Sent    uint64        `json:"sent"`    // of these, accepted by the kernel
	Refused uint64        `json:"refused"` // rejected by the kernel because it had no room
	Seconds float64       `json:"seconds"`
	Rate    float64       `json:"rate"` // sent per second
	Late    time.Duration `json:"late"` // nanoseconds: the largest delay of a SYN after its due time
}

// burst is how many SYNs a late sender sends at most before it reads the clock
// again.
const burst = 64

// Send executes a plan in the network namespace of the calling thread, until ctx
// ends. It uses raw sockets because the kernel then finds the route; AF_PACKET
// would not.
func Send(ctx context.Context, p Plan) (r Report, err error) {
	if err := p.Validate(); err != nil {
		return r, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW) // sets IP_HDRINCL: raw(7)
	if err != nil {
		return r, fmt.Errorf("raw socket: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	r, err = send(ctx, &p, fd)
	r.Rate = float64(r.Sent) / max(r.Seconds, 1e-9)
	return r, err
}

func send(ctx context.Context, p *Plan, fd int) (r Report, err error) {
	s := newSegment(p.Target)
	to := unix.SockaddrInet4{Addr: p.Target.Addr().As4()} // the port is in the TCP header
	senders, all := p.senders(), uint64(p.Rate*p.Duration.Seconds())
	begun := time.Now()
	defer func() { r.Seconds = time.Since(begun).Seconds() }()
	due := func(i uint64) time.Duration { return time.Duration(float64(i) / p.Rate * float64(time.Second)) }
	for r.Due < all {
		now := time.Since(begun)
		if wait := due(r.Due) - now; wait > 0 {
			select {
			case <-ctx.Done():
				return r, nil
			case <-time.After(wait):
			}
			continue
		}
		r.Late = max(r.Late, now-due(r.Due))
		for n := 0; n < burst && r.Due < all && due(r.Due) <= now; n++ {
			s.from(p, r.Due%senders)
			r.Due++
			switch err := unix.Sendto(fd, s[:], 0, &to); err {
			case nil:
				r.Sent++
			case unix.ENOBUFS, unix.EAGAIN:
				r.Refused++
			default:
				return r, fmt.Errorf("send to %v: %w", p.Target, err)
			}
		}
		if ctx.Err() != nil {
			return r, nil
		}
	}
	// Wait until the time of the last SYN is over, so that the rate is the plan's.
	select {
	case <-ctx.Done():
	case <-time.After(p.Duration - time.Since(begun)):
	}
	return r, nil
}
