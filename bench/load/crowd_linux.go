package load

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"director/bench/fetch"
)

// crowd makes each connection of a plan in a goroutine of its own. It is for TLS,
// which the event loop of a lane does not implement. The goroutines share the
// recorder under a lock, whose cost is small compared with a handshake.
type crowd struct {
	plan       Plan
	start      time.Time
	config     *tls.Config
	stay, last [][]byte
	sessions   sync.WaitGroup

	mu   sync.Mutex
	rec  *recorder
	draw pages
	turn int // index of the next source
}

// crowd executes the plan with TLS.
func (p Plan) crowd(ctx context.Context, start time.Time) (Report, error) {
	c := &crowd{
		plan: p, start: start, rec: newRecorder(p), draw: newPages(p, 0),
		// The handshake is what is measured, against servers of the user's own, so
		// the certificate need not be verified. There is no session cache, so each
		// connection makes a full handshake.
		config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}, //nolint:gosec // see above
	}
	c.stay, c.last = p.requests()
	before, err := usage(unix.RUSAGE_SELF)
	if err != nil {
		return Report{}, err
	}
	c.run(ctx)
	after, err := usage(unix.RUSAGE_SELF)
	if err != nil {
		return Report{}, err
	}
	report := c.rec.report()
	report.stamp("crypto/tls", p, start, after, before)
	return report, nil
}

func (c *crowd) now() time.Duration { return time.Since(c.start) }

// run starts the connections at their times, and returns when the last one has
// ended.
func (c *crowd) run(ctx context.Context) {
	defer c.sessions.Wait()
	pace := newPacer(c.plan, 0)
	for due, more := pace.next(); more; due, more = pace.next() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(due - c.now()):
		}
		c.sessions.Go(func() { c.makeConnection(ctx, due) })
	}
}

// makeConnection makes a connection, and counts its outcome unless ctx ends it.
func (c *crowd) makeConnection(ctx context.Context, due time.Duration) {
	if !c.enter(due, c.now()) {
		return
	}
	v := session{crowd: c, times: times{due: due, asked: due, begun: c.now()}}
	err := v.connect(ctx)
	if err == nil {
		defer context.AfterFunc(ctx, func() { _ = v.conn.SetDeadline(time.Unix(1, 0)) })() // aborts blocked reads and writes
		err = v.ask(ctx)
		_ = v.conn.Close() // all data has been read
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		c.rec.fails(due, fetch.KindOf(err).Index(), err)
		if v.reply.Code != 0 {
			c.rec.broken(due, &v.reply)
		}
	}
	c.rec.closed()
}

// enter counts the start of a connection, and reports whether it may be opened.
func (c *crowd) enter(due, now time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now-due >= c.plan.Timeout { // its time-out is over before it starts
		c.rec.missed(due)
		return false
	}
	c.rec.began(due, now)
	if c.rec.open >= c.plan.MaxOpen {
		c.rec.fails(due, fetch.NoDescriptor.Index(), nil)
		return false
	}
	c.rec.opened()
	return true
}

// session is one connection. Only its goroutine uses it.
type session struct {
	*crowd
	times
	conn  *tls.Conn
	reply fetch.Reply
	buf   [16 << 10]byte // holds one TLS record
}

// connect opens the connection and makes the handshake.
func (v *session) connect(ctx context.Context) error {
	d := net.Dialer{Deadline: v.start.Add(v.due + v.plan.Timeout)}
	if n := len(v.plan.Sources); n > 0 {
		v.mu.Lock()
		v.turn++
		d.LocalAddr = &net.TCPAddr{IP: v.plan.Sources[v.turn%n].AsSlice()}
		v.mu.Unlock()
	}
	conn, err := d.DialContext(ctx, "tcp", v.plan.Target.String())
	if err != nil {
		return err
	}
	tcp := conn.(*net.TCPConn) // DialContext returns a TCPConn for this network
	for _, o := range []struct {
		bytes int
		set   func(int) error
	}{{v.plan.SendBuffer, tcp.SetWriteBuffer}, {v.plan.RecvBuffer, tcp.SetReadBuffer}} {
		if o.bytes > 0 {
			err = errors.Join(err, o.set(o.bytes))
		}
	}
	v.conn = tls.Client(conn, v.config)
	err = errors.Join(err, conn.SetDeadline(d.Deadline))
	if err == nil {
		err = v.conn.HandshakeContext(ctx)
	}
	if err != nil {
		_ = conn.Close() // the error of the handshake counts
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rec.established(v.due, v.now()-v.begun)
	return nil
}

// ask makes the requests.
func (v *session) ask(ctx context.Context) error {
	for left := v.plan.Requests; left > 0; left-- {
		if left < v.plan.Requests {
			if v.reply.Closes {
				return v.reply.Err(fetch.CutShort)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(v.plan.Think):
			}
			v.asked, v.begun = v.now(), v.now()
			if err := v.conn.SetDeadline(time.Now().Add(v.plan.Timeout)); err != nil {
				return err
			}
		}
		if err := v.exchange(left == 1); err != nil {
			return err
		}
	}
	_, err := v.conn.Read(v.buf[:]) // the server closes first, so TIME_WAIT is at its end
	if err == nil {
		return v.reply.Err(fetch.Endless)
	}
	return nil
}

// exchange makes one request and reads its reply.
func (v *session) exchange(last bool) error {
	v.mu.Lock()
	page := v.draw.next()
	v.mu.Unlock()
	request := v.stay[page]
	if last {
		request = v.last[page]
	}
	v.reply.Begin(v.plan.Pages[page].Size)
	if _, err := v.conn.Write(request); err != nil {
		return err
	}
	v.sent, v.first = v.now(), 0
	v.mu.Lock()
	v.rec.sent(v.due)
	v.mu.Unlock()
	for done := false; !done; {
		n, err := v.conn.Read(v.buf[:])
		if n > 0 && v.first == 0 {
			v.first = v.now()
		}
		f := fetch.Sound
		switch {
		case n > 0:
			done, f = v.reply.Feed(v.buf[:n])
		case errors.Is(err, io.EOF):
			if done, f = v.reply.End(); !done {
				f = max(f, fetch.CutShort)
			}
		case err != nil:
			return err
		}
		if f != fetch.Sound {
			return v.reply.Err(f)
		}
	}
	v.end = v.now()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rec.replied(v.times, &v.reply)
	v.reply.Code = 0 // the reply is counted, whatever happens to the connection later
	return nil
}
