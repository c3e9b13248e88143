package load

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"director/bench/epoll"
	"director/bench/fetch"
)

// step is the state of a connection.
type step uint8

const (
	connecting step = iota
	writing
	reading
	thinking
	ending // the last reply is complete; the server has not closed yet
)

// slot is a slot for one connection. Slots are reused.
type slot struct {
	times
	reply fetch.Reply
	out   []byte // the part of the request that is not written yet
	until time.Duration
	fd    int
	left  int // requests still to be made, including the current one
	page  int
	step  step
}

// lane makes the connections of one thread. Only that thread uses it.
type lane struct {
	plan       Plan
	pace       pacer
	rec        *recorder
	poll       *epoll.Poll
	start      time.Time
	slots      []slot
	free       []int32
	links      epoll.Links
	waiting    epoll.Queue // connections that wait for a reply, by time-out
	thinking   epoll.Queue // connections between a reply and the next request
	most       int         // limit of open connections
	to         unix.Sockaddr
	from       []unix.Sockaddr
	turn       int // index of the next source
	stay, last [][]byte
	draw       pages
	buf        [64 << 10]byte
}

// eventsAtOnce is the most events that are handled, and the most connections that
// are begun, in one round of the loop.
const eventsAtOnce = 64

func newLane(p Plan, i int, start time.Time) (*lane, error) {
	poll, err := epoll.New(eventsAtOnce)
	if err != nil {
		return nil, err
	}
	l := &lane{
		plan: p, pace: newPacer(p, i), rec: newRecorder(p), poll: poll, start: start,
		most: p.MaxOpen / p.Threads, to: sockaddr(p.Target.Addr().AsSlice(), p.Target.Port()),
		draw: newPages(p, i), turn: i,
	}
	l.waiting, l.thinking = epoll.NewQueue(&l.links), epoll.NewQueue(&l.links)
	l.stay, l.last = p.requests()
	for _, a := range p.Sources {
		l.from = append(l.from, sockaddr(a.AsSlice(), 0))
	}
	return l, nil
}

// sockaddr returns the kernel's form of an address of 4 or 16 bytes.
func sockaddr(ip []byte, port uint16) unix.Sockaddr {
	if len(ip) == 4 {
		return &unix.SockaddrInet4{Addr: [4]byte(ip), Port: int(port)}
	}
	return &unix.SockaddrInet6{Addr: [16]byte(ip), Port: int(port)}
}

func (l *lane) now() time.Duration { return time.Since(l.start) }

// run makes all connections of the lane. It returns when none is open, or when ctx
// ends. In that case it aborts the open connections and does not count them.
func (l *lane) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, l.poll.Wake)()
	due, more := l.pace.next()
	for {
		now := l.now()
		for n := 0; more && due <= now && n < eventsAtOnce; n++ {
			if now-due >= l.plan.Timeout { // its time-out is over before it starts
				l.rec.missed(due)
			} else {
				l.begin(due, now)
			}
			due, more = l.pace.next()
		}
		l.expire(now)
		if ctx.Err() != nil || !more && l.rec.open == 0 {
			l.cut()
			return nil
		}
		events, err := l.poll.Wait(l.patience(due, more, l.now()))
		if err != nil {
			return err
		}
		for i := range events {
			if at := events[i].Fd; at != epoll.Woken {
				l.ready(at, events[i].Events)
			}
		}
	}
}

// patience returns how long the lane may wait for events.
func (l *lane) patience(due time.Duration, more bool, now time.Duration) time.Duration {
	wait := time.Hour
	if more {
		wait = due - now
	}
	for _, q := range [...]*epoll.Queue{&l.waiting, &l.thinking} {
		if at, ok := q.First(); ok {
			wait = min(wait, l.slots[at].until-now)
		}
	}
	return max(0, wait)
}

// expire closes connections whose time-out is over, and sends the next request of
// those whose think time is over.
func (l *lane) expire(now time.Duration) {
	for at, ok := l.waiting.First(); ok && l.slots[at].until <= now; at, ok = l.waiting.First() {
		if l.slots[at].step == ending {
			l.close(at)
			continue
		}
		l.fail(at, fetch.Timeout.Index(), nil)
	}
	for at, ok := l.thinking.First(); ok && l.slots[at].until <= now; at, ok = l.thinking.First() {
		s := &l.slots[at]
		l.thinking.Remove(at)
		s.asked, s.begun = s.until, now
		l.await(at, now)
		l.ask(at, now)
	}
}

// begin starts a connection that is due.
func (l *lane) begin(due, now time.Duration) {
	l.rec.began(due, now)
	if l.rec.open >= l.most {
		l.rec.fails(due, fetch.NoDescriptor.Index(), nil)
		return
	}
	fd, err := l.connect()
	if err != nil {
		l.rec.fails(due, fetch.KindOf(err).Index(), err)
		return
	}
	at := l.take()
	s := &l.slots[at]
	s.times, s.fd, s.left, s.step = times{due: due, asked: due, begun: now}, fd, l.plan.Requests, connecting
	l.rec.opened()
	s.until = due + l.plan.Timeout
	l.waiting.Push(at)
	// The event that the connection is established comes with the first wait. Later
	// events report readable data and the end.
	if err := l.poll.Add(fd, at, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET); err != nil {
		l.fail(at, fetch.Other.Index(), err)
	}
}

// connect creates a socket and starts to connect it.
func (l *lane) connect() (fd int, err error) {
	family := unix.AF_INET
	if !l.plan.Target.Addr().Is4() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err = l.prepare(fd); err == nil {
		err = unix.Connect(fd, l.to)
	}
	if err != nil && errnoOf(err) != unix.EINPROGRESS {
		unix.Close(fd)
		return 0, err
	}
	return fd, nil
}

// prepare sets a socket's buffer sizes and its source address.
func (l *lane) prepare(fd int) error {
	for _, o := range [...]struct{ name, bytes int }{{unix.SO_SNDBUF, l.plan.SendBuffer}, {unix.SO_RCVBUF, l.plan.RecvBuffer}} {
		if o.bytes > 0 {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o.name, o.bytes); err != nil {
				return err
			}
		}
	}
	if len(l.from) == 0 {
		return nil
	}
	// With this option the kernel picks the port at connect, when it has the whole
	// tuple. So each address can use all ports for each target (ip(7)).
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return err
	}
	l.turn++
	return unix.Bind(fd, l.from[l.turn%len(l.from)])
}

// take returns a free slot, or a new one.
func (l *lane) take() int32 {
	if n := len(l.free); n > 0 {
		at := l.free[n-1]
		l.free = l.free[:n-1]
		return at
	}
	l.slots = append(l.slots, slot{})
	l.links.Grow(len(l.slots))
	return int32(len(l.slots) - 1)
}

// await starts the time-out of a request.
func (l *lane) await(at int32, now time.Duration) {
	l.slots[at].until = now + l.plan.Timeout
	l.waiting.Push(at)
}

// fail counts a failed connection and closes it.
func (l *lane) fail(at int32, kind int, err error) {
	s := &l.slots[at]
	l.rec.fails(s.due, kind, err)
	if s.reply.Code != 0 {
		l.rec.broken(s.due, &s.reply)
	}
	l.close(at)
}

// close closes a connection and frees its slot.
func (l *lane) close(at int32) {
	s := &l.slots[at]
	if s.step == thinking {
		l.thinking.Remove(at)
	} else {
		l.waiting.Remove(at)
	}
	unix.Close(s.fd)
	s.fd = -1
	s.reply.Begin(0)
	l.rec.closed()
	l.free = append(l.free, at)
}

// cut closes all connections without counting them.
func (l *lane) cut() {
	for at := range l.slots {
		if s := &l.slots[at]; s.fd > 0 {
			unix.Close(s.fd)
			s.fd = -1
		}
	}
}

// finish returns the report of the lane.
func (l *lane) finish() (Report, error) {
	if err := l.poll.Close(); err != nil {
		return Report{}, fmt.Errorf("close the epoll instance of a lane: %w", err)
	}
	return l.rec.report(), nil
}
