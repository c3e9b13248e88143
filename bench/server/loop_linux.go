package server

import (
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"director/bench/epoll"
)

// eventsAtOnce is how many events are handled between two readings of the clock.
const eventsAtOnce = 256

// loop is one thread of a server. Only that thread uses it, except for the counters
// and the stop flag.
type loop struct {
	name     string
	poll     *epoll.Poll
	sockets  []int
	shut     bool // the listening sockets are not watched, because the rate limit is reached
	bucket   bucket
	start    time.Time
	conns    []conn
	free     []int32
	heap     waits // delayed answers
	answers  answers
	counts   counters
	stopping atomic.Bool
	buf      [32 << 10]byte
}

// conn is a slot for one connection. Slots are reused.
type conn struct {
	fd    int
	turn  uint32 // distinguishes the successive connections of the slot
	got   []byte // the incomplete request
	out   []byte // the part of the reply that is not written yet
	last  bool   // close the connection after it
	busy  bool   // an answer is delayed; requests that arrive in the meantime wait in got
	blind bool   // waits until the socket is writable
}

func newLoop(o Options, i int) (*loop, error) {
	poll, err := epoll.New(eventsAtOnce)
	if err != nil {
		return nil, err
	}
	l := &loop{name: o.Name, poll: poll, start: time.Now(), answers: newAnswers(o.Name)}
	if o.Cap > 0 {
		l.bucket.every = time.Second * time.Duration(o.Threads) / time.Duration(o.Cap)
	}
	for _, at := range o.Listen {
		fd, err := listen(at)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.sockets = append(l.sockets, fd)
	}
	// Slot i belongs to listening socket i.
	l.conns = make([]conn, len(l.sockets))
	if err := l.watch(true); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *loop) now() time.Duration { return time.Since(l.start) }

// watch starts or stops watching the listening sockets, as shut says. The first
// call adds them to the poll.
func (l *loop) watch(first bool) error {
	var events uint32
	if !l.shut {
		events = unix.EPOLLIN
	}
	for i, fd := range l.sockets {
		set := l.poll.Change
		if first {
			set = l.poll.Add
		}
		if err := set(fd, int32(i), events); err != nil {
			return err
		}
	}
	return nil
}

// run serves connections until the server is closed.
func (l *loop) run() error {
	for !l.stopping.Load() {
		now := l.now()
		if l.shut && l.bucket.next <= now {
			l.shut = false
			if err := l.watch(false); err != nil {
				return err
			}
		}
		for at, ok := l.heap.due(now); ok; at, ok = l.heap.due(now) {
			l.resume(at)
		}
		events, err := l.poll.Wait(l.patience(now))
		if err != nil {
			return err
		}
		for i := range events {
			switch at := events[i].Fd; {
			case at == epoll.Woken:
			case int(at) < len(l.sockets):
				if err := l.accept(l.sockets[at]); err != nil {
					return err
				}
			default:
				l.ready(at, events[i].Events)
			}
		}
	}
	return nil
}

// patience returns how long the loop may wait for events.
func (l *loop) patience(now time.Duration) time.Duration {
	wait := time.Hour
	if l.shut {
		wait = l.bucket.next - now
	}
	if len(l.heap) > 0 {
		wait = min(wait, l.heap[0].when-now)
	}
	return max(0, wait)
}

// accept accepts pending connections, as many as the rate limit permits.
func (l *loop) accept(socket int) error {
	for range eventsAtOnce {
		if !l.bucket.take(l.now()) {
			l.shut = true
			return l.watch(false)
		}
		// unix.Accept4 would allocate the client's address, which is not needed.
		r, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(socket), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if errno != 0 {
			if l.bucket.every > 0 {
				l.bucket.next -= l.bucket.every // no connection was accepted: return the token
			}
			return nil // the next event tries again, whatever the error was
		}
		l.counts.connections.Add(1)
		at := l.take()
		fd, c := int(r), &l.conns[at]
		c.fd, c.last, c.busy, c.blind, c.out, c.got = fd, false, false, false, nil, c.got[:0]
		c.turn++
		// Usually the request has arrived already: the client sent it right after
		// its ACK.
		if err := l.poll.Add(fd, at, unix.EPOLLIN|unix.EPOLLRDHUP); err != nil {
			l.drop(at)
		}
	}
	return nil
}

func (l *loop) take() int32 {
	if n := len(l.free); n > 0 {
		at := l.free[n-1]
		l.free = l.free[:n-1]
		return at
	}
	l.conns = append(l.conns, conn{})
	return int32(len(l.conns) - 1)
}

// drop closes a connection.
func (l *loop) drop(at int32) {
	c := &l.conns[at]
	unix.Close(c.fd)
	c.fd, c.busy = -1, false
	c.turn++
	l.free = append(l.free, at)
}

// close closes all descriptors.
func (l *loop) close() error {
	for i := len(l.sockets); i < len(l.conns); i++ {
		if l.conns[i].fd > 0 {
			unix.Close(l.conns[i].fd)
		}
	}
	errs := []error{l.poll.Close()}
	for _, fd := range l.sockets {
		errs = append(errs, unix.Close(fd))
	}
	return errors.Join(errs...)
}
