package load

import (
	"time"

	"golang.org/x/sys/unix"

	"director/bench/fetch"
)

// ready handles an event of a connection.
func (l *lane) ready(at int32, events uint32) {
	s := &l.slots[at]
	if s.fd < 0 {
		return // it was closed after the event was read
	}
	now := l.now()
	if s.step == connecting {
		if events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) == 0 {
			return
		}
		// If connecting failed, the write returns the error.
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

// write writes as much of the request as possible.
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

// errnoOf returns the errno of a failed system call.
func errnoOf(err error) unix.Errno {
	errno, _ := err.(unix.Errno) //nolint:errorlint // golang.org/x/sys does not wrap it
	return errno
}

// read reads the available bytes. After a short read nothing more is available
// until the next edge, unless the connection has ended.
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
			l.close(at) // only the end of the connection, which was reported, is left
			return
		}
		if n < len(l.buf) && !ended {
			return
		}
	}
}

// consume handles bytes of a reply, and reports whether more may follow.
func (l *lane) consume(at int32, p []byte, now time.Duration) bool {
	s := &l.slots[at]
	if s.step != reading {
		// Unexpected bytes: the server sent them before the next request, or after
		// the last reply.
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

// bad closes a connection whose reply is wrong.
func (l *lane) bad(at int32, f fetch.Fault) {
	s := &l.slots[at]
	var err error
	if l.rec.isNew(fetch.BadReply.Index()) {
		err = s.reply.Err(f)
	}
	l.fail(at, fetch.BadReply.Index(), err)
}

// end handles the end of a connection.
func (l *lane) end(at int32, now time.Duration) {
	s := &l.slots[at]
	if s.step == ending {
		l.close(at)
		return
	}
	if s.step == thinking {
		l.bad(at, fetch.CutShort) // its reply is counted; the next request cannot be made
		return
	}
	done, f := s.reply.End()
	switch {
	case f != fetch.Sound || !done:
		l.bad(at, max(f, fetch.CutShort))
	case s.left > 1:
		l.bad(at, fetch.CutShort) // more replies were expected
	default:
		s.end = now
		l.rec.replied(s.times, &s.reply)
		l.close(at)
	}
}

// done continues after a complete reply, and reports whether the connection must be
// read further.
func (l *lane) done(at int32, now time.Duration) bool {
	s := &l.slots[at]
	s.end = now
	l.rec.replied(s.times, &s.reply)
	s.reply.Code = 0 // the reply is counted, whatever happens to the connection later
	if s.left--; s.left == 0 {
		s.step = ending // the server closes first, so TIME_WAIT is at its end
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
		l.thinking.Push(at)
		return true
	}
	s.asked, s.begun = now, now
	l.await(at, now)
	l.ask(at, now)
	return s.fd >= 0
}
