package load

import (
	"time"

	"golang.org/x/sys/unix"

	"director/bench/fetch"
)

// ready goes on with a connection that the kernel has something to say of.
func (l *lane) ready(at int32, events uint32) {
	s := &l.slots[at]
	if s.fd < 0 {
		return // it ended while this event waited
	}
	now := l.now()
	if s.step == connecting {
		if events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) == 0 {
			return
		}
		// Had connecting failed, writing says why.
		if events&unix.EPOLLERR == 0 {
			l.rec.established(s.due, now-s.begun)
		}
		l.ask(at, now)
		return
	}
	if s.step == writing && events&unix.EPOLLOUT != 0 {
		l.write(at, now)
	}
	if events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 && s.fd >= 0 {
		l.read(at, now, events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
	}
}

// ask sends the next request.
func (l *lane) ask(at int32, now time.Duration) {
	s := &l.slots[at]
	s.page = l.draw.next()
	s.reply.Begin(l.plan.Pages[s.page].Size)
	if s.left > 1 {
		s.out = l.stay[s.page]
	} else {
		s.out = l.last[s.page]
	}
	s.step, s.first = writing, 0
	l.write(at, now)
}

// write writes what it can of the request.
func (l *lane) write(at int32, now time.Duration) {
	s := &l.slots[at]
	for len(s.out) > 0 {
		n, err := unix.Write(s.fd, s.out)
		switch err {
		case nil:
			s.out = s.out[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			return
		default:
			l.fail(at, fetch.KindOfErrno(errnoOf(err)).Index(), err)
			return
		}
	}
	s.step, s.sent = reading, now
	l.rec.sent(s.due)
}

// errnoOf is the error of a system call, which is always one.
func errnoOf(err error) unix.Errno {
	errno, _ := err.(unix.Errno) //nolint:errorlint // golang.org/x/sys wraps none
	return errno
}

// read reads what there is. After a short read there is nothing more until the
// next edge, unless the connection has ended.
func (l *lane) read(at int32, now time.Duration, ended bool) {
	s := &l.slots[at]
	for {
		n, err := unix.Read(s.fd, l.buf[:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return
		case err != nil && s.step == ending:
			l.close(at)
			return
		case err != nil:
			l.fail(at, fetch.KindOfErrno(errnoOf(err)).Index(), err)
			return
		case n == 0:
			l.end(at, now)
			return
		}
		if s.first == 0 {
			s.first = now
		}
		if !l.consume(at, l.buf[:n], now) {
			return
		}
		if n < len(l.buf) && ended && s.step == ending {
			l.close(at) // the end that was told of is all that is left
			return
		}
		if n < len(l.buf) && !ended {
			return
		}
	}
}

// consume takes bytes of a reply, and reports whether more may come.
func (l *lane) consume(at int32, p []byte, now time.Duration) bool {
	s := &l.slots[at]
	if s.step != reading {
		// Bytes that nobody asked for: of the next reply, or behind the last.
		l.fail(at, fetch.BadReply.Index(), s.reply.Err(fetch.Endless))
		return false
	}
	done, f := s.reply.Feed(p)
	if f != fetch.Sound {
		l.bad(at, f)
		return false
	}
	if done {
		return l.done(at, now)
	}
	return true
}

// bad ends a connection whose reply is wrong.
func (l *lane) bad(at int32, f fetch.Fault) {
	s := &l.slots[at]
	var err error
	if l.rec.isNew(fetch.BadReply.Index()) {
		err = s.reply.Err(f)
	}
	l.fail(at, fetch.BadReply.Index(), err)
}

// end takes the end of a connection.
func (l *lane) end(at int32, now time.Duration) {
	s := &l.slots[at]
	if s.step == ending {
		l.close(at)
		return
	}
	if s.step == thinking {
		l.bad(at, fetch.CutShort) // its reply is counted, the next request can not be made
		return
	}
	done, f := s.reply.End()
	switch {
	case f != fetch.Sound || !done:
		l.bad(at, max(f, fetch.CutShort))
	case s.left > 1:
		l.bad(at, fetch.CutShort) // there were to be more
	default:
		s.end = now
		l.rec.replied(s.times, &s.reply)
		l.close(at)
	}
}

// done goes on when a reply is complete, and reports whether the connection is
// still to be read.
func (l *lane) done(at int32, now time.Duration) bool {
	s := &l.slots[at]
	s.end = now
	l.rec.replied(s.times, &s.reply)
	s.reply.Code = 0 // it is counted, whatever becomes of the connection
	if s.left--; s.left == 0 {
		s.step = ending // the server ends first, and has the TIME_WAIT
		return true
	}
	if s.reply.Closes {
		s.left++
		l.bad(at, fetch.CutShort)
		return false
	}
	l.waiting.Remove(at)
	if l.plan.Think > 0 {
		s.step, s.until = thinking, now+l.plan.Think
		l.musing.Push(at)
		return true
	}
	s.asked, s.begun = now, now
	l.await(at, now)
	l.ask(at, now)
	return s.fd >= 0
}
