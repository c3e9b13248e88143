// Package poller lets a worker sleep until a descriptor of its ports is readable.
// Other goroutines can wake it through an eventfd.
package poller

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Poller is a dataplane.Waiter. Only one goroutine may call Wait.
type Poller struct {
	event int
	fds   []unix.PollFd // the eventfd first
}

// New returns a poller that waits on fds. It ignores negative descriptors.
func New(fds ...int) (*Poller, error) {
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	p := &Poller{event: event, fds: []unix.PollFd{{Fd: int32(event), Events: unix.POLLIN}}}
	for _, fd := range fds {
		if fd >= 0 {
			p.fds = append(p.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	return p, nil
}

// Wait returns when a port is readable, after Wake, or when nanoseconds have
// passed, rounded up to a millisecond.
func (p *Poller) Wait(nanoseconds int64) error {
	ms := int((nanoseconds + int64(time.Millisecond) - 1) / int64(time.Millisecond))
	if _, err := unix.Poll(p.fds, ms); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("poll: %w", err)
	}
	if p.fds[0].Revents&unix.POLLIN != 0 {
		var count [8]byte
		_, _ = unix.Read(p.event, count[:]) // reset the eventfd; the count is not needed
	}
	return nil
}

// Yield lets other threads run. The system call is short, so the Go scheduler need
// not be informed.
func (p *Poller) Yield() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// Wake ends the Wait in progress or the next one.
func (p *Poller) Wake() {
	one := [8]byte{1}
	_, _ = unix.Write(p.event, one[:]) // fails only if the counter is full, and then a wake is pending
}

// Close closes the eventfd. After it, Wake must not be called.
func (p *Poller) Close() error { return unix.Close(p.event) }
