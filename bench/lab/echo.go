//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"director/internal/lab"
)

const (
	echoRate  = 10_000 // packets per second
	echoFirst = 500    // round trips that are not counted, until caches, connection and clocks are warm
	echoPort  = 4000   // of the client
	echoWait  = 100 * time.Millisecond
)

// trips are the round trips of a client that sends at a fixed rate, independently
// of the answers.
type trips struct {
	times []time.Duration
	lost  int
}

// roundTrips runs a client at the source, which sends requests to the virtual
// address, and a server at the sink, which answers, for time d.
func (r *rig) roundTrips(ctx context.Context, d time.Duration) (t trips, err error) {
	client := netip.AddrPortFrom(sourceNet.Addr(), echoPort)
	var stopping atomic.Bool
	var running sync.WaitGroup
	var sockets []int
	defer func() {
		stopping.Store(true)
		running.Wait()
		for _, fd := range sockets {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	open := func(h *lab.Host, from, to netip.AddrPort) (int, error) {
		fd, err := connected(h, from, to)
		if err == nil {
			sockets = append(sockets, fd)
		}
		return fd, err
	}
	// The destination address at the sink depends on the contender.
	failed := make([]error, 2)
	for i, a := range []netip.Addr{virtual, servers[0]} {
		fd, err := open(r.net.sink, netip.AddrPortFrom(a, echo), client)
		if err != nil {
			return t, err
		}
		running.Go(func() {
			failed[i] = r.net.sink.Do(func() error {
				return onCPU(r.place.workers[0], func() error { return answer(fd, &stopping) })
			})
		})
	}
	fd, err := open(r.net.source, client, netip.AddrPortFrom(virtual, echo))
	if err != nil {
		return t, err
	}
	t, err = r.ask(ctx, fd, echoFirst+int(echoRate*d.Seconds()))
	return t, errors.Join(err, errors.Join(failed...))
}

// ask sends n requests at the rate and collects the answers.
func (r *rig) ask(ctx context.Context, fd, n int) (t trips, err error) {
	begin := time.Now()
	var done atomic.Bool
	var sender sync.WaitGroup
	var sendErr error
	sender.Go(func() {
		sendErr = r.net.source.Do(func() error {
			return onCPU(r.place.sources[0], func() error { return ask(ctx, fd, n, begin) })
		})
		done.Store(true)
	})
	got := 0
	err = r.net.source.Do(func() error {
		return onCPU(r.place.sources[0], func() error {
			var buf [8]byte
			for got < n {
				_, err := unix.Read(fd, buf[:])
				switch {
				case err == nil:
					got++
					if t.times = append(t.times, time.Since(begin)-time.Duration(binary.NativeEndian.Uint64(buf[:]))); got == echoFirst {
						t.times = make([]time.Duration, 0, n)
					}
				case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
					return fmt.Errorf("receive an answer: %w", err)
				case done.Load():
					return nil // nothing arrived since the last request
				}
			}
			return nil
		})
	})
	sender.Wait()
	t.lost = n - got
	return t, errors.Join(err, sendErr)
}

// ask sends n requests. Each contains the time since begin.
func ask(ctx context.Context, fd, n int, begin time.Time) error {
	// The kernel's default slack of 50 µs would be half of the time between two
	// packets.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set the timer slack: %w", err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) }() // 0 restores the default
	var buf [8]byte
	for i := range n {
		due := time.Duration(i) * time.Second / echoRate
		for wait := due - time.Since(begin); wait > 0; wait = due - time.Since(begin) {
			spec := unix.NsecToTimespec(int64(wait))
			_ = unix.Nanosleep(&spec, nil)
		}
		if i%echoFirst == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		binary.NativeEndian.PutUint64(buf[:], uint64(time.Since(begin)))
		if _, err := unix.Write(fd, buf[:]); err != nil {
			return fmt.Errorf("send a request: %w", err)
		}
	}
	return nil
}

// answer sends every packet back, until stopping is set.
func answer(fd int, stopping *atomic.Bool) error {
	var buf [64]byte
	for !stopping.Load() {
		n, err := unix.Read(fd, buf[:])
		if err == nil {
			_, err = unix.Write(fd, buf[:n])
		}
		if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("answer: %w", err)
		}
	}
	return nil
}

// connected opens a UDP socket in a host. Its reads have a time-out.
func connected(h *lab.Host, from, to netip.AddrPort) (fd int, err error) {
	address := func(a netip.AddrPort) unix.Sockaddr {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	wait := unix.NsecToTimeval(int64(echoWait))
	err = h.Do(func() error {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := inOrder(
			func() error { return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait) },
			func() error { return unix.Bind(fd, address(from)) },
			func() error { return unix.Connect(fd, address(to)) },
		); err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		return nil
	})
	if err != nil {
		return -1, fmt.Errorf("%s: UDP socket from %s to %s: %w", h.Name, from, to, err)
	}
	return fd, nil
}
