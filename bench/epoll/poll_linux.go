package epoll

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Woken is the token of the event by which Wake ends a Wait.
const Woken = -1

// Poll is an epoll instance. But for Wake its methods are for one thread.
type Poll struct {
	fd, wake int
	added    unix.EpollEvent // here, so that adding does not allocate
	ready    []unix.EpollEvent
}

// New makes a Poll that reports up to batch events at a time.
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

// Add watches a descriptor for events (EPOLLIN, ...), which come with the token,
// any number from 0. Closing the descriptor ends it.
func (p *Poll) Add(fd int, token int32, events uint32) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, token, events)
}

// Change watches a descriptor for other events from now on.
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

// Wait returns the events of descriptors that are ready, tokens in their Fd. It
// waits for the first one as long as timeout, or for ever if that is negative.
// The events are valid until the next call; a descriptor has at most one among
// them.
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

// Wake ends the Wait that goes on, or the next one. It may be called from
// anywhere until Close.
func (p *Poll) Wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.wake, one[:]) // fails when it is awake already
}

// Close lets go of the instance, not of the descriptors that it watched.
func (p *Poll) Close() error { return errors.Join(unix.Close(p.wake), unix.Close(p.fd)) }
