package server

import (
	"bytes"
	"container/heap"
	"time"

	"golang.org/x/sys/unix"
)

// maxRequest is the longest accepted head of a request, in bytes. Bodies are not
// read.
const maxRequest = 8192

// ready handles an event of a connection.
func (l *loop) ready(at int32, events uint32) {
	c := &l.conns[at]
	if c.fd < 0 {
		return
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		l.drop(at)
		return
	}
	if c.blind {
		if events&unix.EPOLLOUT != 0 {
			l.write(at)
		}
		return
	}
	n, err := unix.Read(c.fd, l.buf[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil || n == 0:
		l.drop(at)
		return
	}
	got := l.buf[:n]
	if len(c.got) > 0 || c.busy {
		c.got = append(c.got, got...)
		got = c.got
	}
	if !c.busy {
		l.serve(at, got)
	} else if len(c.got) > maxRequest {
		l.drop(at)
	}
}

// serve answers the complete requests in got.
func (l *loop) serve(at int32, got []byte) {
	c := &l.conns[at]
	for {
		head, rest, ok := bytes.Cut(got, []byte("\r\n\r\n"))
		if !ok {
			if len(got) > maxRequest {
				l.drop(at)
				return
			}
			c.got = append(c.got[:0], got...)
			return
		}
		a, wait := l.answers.to(head)
		l.counts.requests.Add(1)
		l.counts.bytes.Add(uint64(a.size))
		c.out, c.last = a.text, a.last
		if wait > 0 {
			c.busy, c.got = true, append(c.got[:0], rest...)
			heap.Push(&l.heap, wakeup{l.now() + wait, at, c.turn})
			return
		}
		if !l.write(at) {
			if c.fd >= 0 { // it waits until the socket is writable
				c.got = append(c.got[:0], rest...)
			}
			return
		}
		got = rest
	}
}

// resume sends an answer that was delayed, then serves the requests that arrived in
// the meantime.
func (l *loop) resume(w wakeup) {
	c := &l.conns[w.at]
	if c.fd < 0 || c.turn != w.turn {
		return
	}
	c.busy = false
	if l.write(w.at) {
		l.serve(w.at, append([]byte(nil), c.got...))
	}
}

// write writes as much as possible. It reports whether everything was written and
// the connection stays open.
func (l *loop) write(at int32) bool {
	c := &l.conns[at]
	for len(c.out) > 0 {
		n, err := unix.Write(c.fd, c.out)
		switch err {
		case nil:
			c.out = c.out[n:]
			continue
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			if !c.blind {
				c.blind = true
				if l.poll.Change(c.fd, at, unix.EPOLLOUT) == nil {
					return false
				}
			} else {
				return false
			}
		}
		l.drop(at)
		return false
	}
	if c.last {
		l.drop(at) // the server closes first
		return false
	}
	if c.blind {
		c.blind = false
		if l.poll.Change(c.fd, at, unix.EPOLLIN|unix.EPOLLRDHUP) != nil {
			l.drop(at)
			return false
		}
		l.serve(at, append([]byte(nil), c.got...))
		return false
	}
	return true
}

// wakeup is an answer that is to be sent at a time.
type wakeup struct {
	when time.Duration
	at   int32
	turn uint32
}

// waits is a heap of delayed answers, the earliest first.
type waits []wakeup

func (w waits) Len() int           { return len(w) }
func (w waits) Less(i, j int) bool { return w[i].when < w[j].when }
func (w waits) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waits) Push(x any)        { *w = append(*w, x.(wakeup)) }
func (w *waits) Pop() any {
	last := len(*w) - 1
	x := (*w)[last]
	*w = (*w)[:last]
	return x
}

// due removes and returns the next answer whose time has come.
func (w *waits) due(now time.Duration) (wakeup, bool) {
	if len(*w) == 0 || (*w)[0].when > now {
		return wakeup{}, false
	}
	return heap.Pop(w).(wakeup), true
}
