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

// crowd makes the connections of a plan by a goroutine each, where a lane's event
// loop does not know the protocol: TLS. They share the recorder under a lock, which
// is nothing beside a handshake.
type crowd struct {
	plan       Plan
	start      time.Time
	config     *tls.Config
	stay, last [][]byte
	visitors   sync.WaitGroup

	mu   sync.Mutex
	rec  *recorder
	draw pages
	turn int // whose is the next source
}

// crowd carries out the plan.
func (p Plan) crowd(ctx context.Context, start time.Time) (Report, error) {
	c := &crowd{
		plan: p, start: start, rec: newRecorder(p), draw: newPages(p, 0),
		// What is measured is the handshake, with servers of one's own: whose they are is
		// known. Without a cache of sessions each connection makes a whole one.
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

// run sends visitors when they are due, and returns when the last one is back.
func (c *crowd) run(ctx context.Context) {
	defer c.visitors.Wait()
	pace := newPacer(c.plan, 0)
	for due, more := pace.next(); more; due, more = pace.next() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(due - c.now()):
		}
		c.visitors.Go(func() { c.visit(ctx, due) })
	}
}

// visit makes a connection, and counts what becomes of it unless ctx ends it.
func (c *crowd) visit(ctx context.Context, due time.Duration) {
	if !c.enter(due, c.now()) {
		return
	}
	v := visitor{crowd: c, times: times{due: due, asked: due, begun: c.now()}}
	err := v.connect(ctx)
	if err == nil {
		defer context.AfterFunc(ctx, func() { _ = v.conn.SetDeadline(time.Unix(1, 0)) })() // it ends what waits
		err = v.ask(ctx)
		_ = v.conn.Close() // what was to be read is read
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

// enter counts a visitor, and reports whether there is room.
func (c *crowd) enter(due, now time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now-due >= c.plan.Timeout { // it would be over before it begins
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

// visitor is one connection, its goroutine's own.
type visitor struct {
	*crowd
	times
	conn  *tls.Conn
	reply fetch.Reply
	buf   [16 << 10]byte // a record of TLS
}

// connect makes the connection and its handshake.
func (v *visitor) connect(ctx context.Context) error {
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
	tcp := conn.(*net.TCPConn) // what that network gives
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
		_ = conn.Close() // it is the handshake that counts
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rec.established(v.due, v.now()-v.begun)
	return nil
}

// ask makes the requests.
func (v *visitor) ask(ctx context.Context) error {
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
	_, err := v.conn.Read(v.buf[:]) // the server ends first, and has the TIME_WAIT
	if err == nil {
		return v.reply.Err(fetch.Endless)
	}
	return nil
}

// exchange makes one request and reads its reply.
func (v *visitor) exchange(last bool) error {
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
	v.reply.Code = 0 // it is counted, whatever becomes of the connection
	return nil
}
