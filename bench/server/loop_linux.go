package server

import (
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"director/bench/epoll"
)

// eventsAtOnce is how many connections are looked at between two looks at the
// clock.
const eventsAtOnce = 256

// loop is one thread of a server: it alone touches it, but for the counts and
// stopping.
type loop struct {
	name     string
	poll     *epoll.Poll
	sockets  []int
	shut     bool // the sockets are not watched, because no connection may come in
	bucket   bucket
	start    time.Time
	conns    []conn
	free     []int32
	heap     waits // answers that are due later
	answers  answers
	counts   counters
	stopping atomic.Bool
	buf      [32 << 10]byte
}

// conn is room for one connection, used again and again.
type conn struct {
	fd    int
	turn  uint32 // tells those that have used the room apart
	got   []byte // of a request that is not complete yet
	out   []byte // what is still to be written
	last  bool   // the connection ends behind it
	busy  bool   // an answer is due: what comes meanwhile waits
	blind bool   // writing waits for room
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
	// Room i belongs to socket i.
	l.conns = make([]conn, len(l.sockets))
	if err := l.watch(true); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *loop) now() time.Duration { return time.Since(l.start) }

// watch has the poll look at the listening sockets, or not any more.
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

// run answers until the server stops.
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

// patience is how long the loop may wait for what is ready.
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

// accept takes up the connections that wait, as many as may come in.
func (l *loop) accept(socket int) error {
	for range eventsAtOnce {
		if !l.bucket.take(l.now()) {
			l.shut = true
			return l.watch(false)
		}
		// The library's Accept4 makes an address, which nobody wants to know.
		r, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(socket), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if errno != 0 {
			if l.bucket.every > 0 {
				l.bucket.next -= l.bucket.every // nobody came
			}
			return nil // the next event tries again, whatever it was
		}
		l.counts.connections.Add(1)
		at := l.take()
		fd, c := int(r), &l.conns[at]
		c.fd, c.last, c.busy, c.blind, c.out, c.got = fd, false, false, false, nil, c.got[:0]
		c.turn++
		// Most requests are there already: the client sent them behind its ACK.
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

// drop ends a connection.
func (l *loop) drop(at int32) {
	c := &l.conns[at]
	unix.Close(c.fd)
	c.fd, c.busy = -1, false
	c.turn++
	l.free = append(l.free, at)
}

// close lets go of everything.
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
