package epoll

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Woken is the token of the event that Wake causes.
const Woken = -1

// Poll is an epoll instance. Only one thread may call its methods, except Wake.
type Poll struct {
	fd, wake int
	added    unix.EpollEvent // a field, so that adding a descriptor does not allocate
	ready    []unix.EpollEvent
}

// New makes a Poll that reports up to batch events in one call.
func New(batch int) (*Poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	p := &Poll{fd: fd, ready: make([]unix.EpollEvent, batch)}
	if p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, errors.Join(fmt.Errorf("make an eventfd: %w", err), unix.Close(fd))
	}
	if err := p.Add(p.wake, Woken, unix.EPOLLIN); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Add watches a descriptor for events (EPOLLIN, ...). Its events carry the token,
// which is 0 or more. Closing the descriptor removes it.
func (p *Poll) Add(fd int, token int32, events uint32) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, token, events)
}

// Change replaces the events for which a descriptor is watched.
func (p *Poll) Change(fd int, token int32, events uint32) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, token, events)
}

func (p *Poll) control(op, fd int, token int32, events uint32) error {
	p.added.Events, p.added.Fd = events, token
	if err := unix.EpollCtl(p.fd, op, fd, &p.added); err != nil {
		return fmt.Errorf("watch a descriptor: %w", err)
	}
	return nil
}

// Wait returns the events of the ready descriptors, with their tokens in Fd. It
// waits up to timeout for the first event, or without limit if timeout is negative.
// The events are valid until the next call. A descriptor has at most one event
// among them.
func (p *Poll) Wait(timeout time.Duration) ([]unix.EpollEvent, error) {
	n, errno := wait(p.fd, p.ready, timeout)
	switch errno {
	case 0:
		return p.ready[:n], nil
	case unix.EINTR:
		return nil, nil
	}
	return nil, fmt.Errorf("wait for descriptors: %w", errno)
}

// Wake ends the current Wait, or the next one if none is running. Any goroutine may
// call it until Close.
func (p *Poll) Wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.wake, one[:]) // fails if a wake-up is already pending
}

// Close closes the epoll instance, but not the descriptors that it watches.
func (p *Poll) Close() error { return errors.Join(unix.Close(p.wake), unix.Close(p.fd)) }
