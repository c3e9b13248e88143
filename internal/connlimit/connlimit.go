// Package connlimit bounds the connections of an http.Server. When the limit is reached,
// a connection that waits for its client gives way to a new one. So clients that keep
// their connections open, or that send their requests slowly, do not shut others out.
package connlimit

import (
	"container/list"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limit bounds the connections of one server. Its methods may be called by any goroutine.
type Limit struct {
	most          int
	grace, unread time.Duration

	mu      sync.Mutex
	changed *sync.Cond // a connection was closed or became idle, or the listener was closed
	open    int
	idle    *list.List // of *conn, the one that became idle first at the front
	closed  bool
}

// New returns a limit of most connections. A connection gives way only after it was
// idle for grace. Clients that send a request at that moment lose it; those whose
// requests are not idempotent should have some time. A connection whose client does not read
// its answer gives way after unread.
func New(most int, grace, unread time.Duration) *Limit {
	l := &Limit{most: most, grace: grace, unread: unread, idle: list.New()}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// Apply makes s obey the limit. It wraps the handler of s, and sets its ConnContext and
// ConnState. The caller serves the listener that Listener returns.
//
// A connection is busy from the moment at which its request has arrived, including the
// body, until the server has sent the response. The server sends a short response only
// after the handler has returned, so the return of the handler would be too early. If the
// handler does not read the body, the connection is not busy: the server reads the body
// before it sends the response, and the client may never send it.
func (l *Limit) Apply(s *http.Server) {
	next, inner, state := s.Handler, s.ConnContext, s.ConnState
	s.ConnState = func(c net.Conn, now http.ConnState) {
		if c, ok := c.(*conn); ok && now == http.StateIdle {
			c.rest()
		}
		if state != nil {
			state(c, now)
		}
	}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(key{}).(*conn); ok {
			if r.Body == nil || r.Body == http.NoBody {
				c.begin()
			} else {
				c.rest() // its header has arrived: the body has the time of grace
				r.Body = &body{r.Body, c}
			}
		}
		next.ServeHTTP(w, r)
	})
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		ctx = context.WithValue(ctx, key{}, c)
		if inner != nil {
			ctx = inner(ctx, c)
		}
		return ctx
	}
}

// body is the body of a request. Its end makes the connection busy.
type body struct {
	io.ReadCloser
	conn *conn
}

func (b *body) Read(to []byte) (int, error) {
	n, err := b.ReadCloser.Read(to)
	if err != nil {
		b.conn.begin()
	}
	return n, err
}

// key is the key of a request's connection in its context.
type key struct{}

// Listener returns a listener that accepts the connections of inner, as many as the limit
// allows. Further connections wait. Closing it closes inner.
func (l *Limit) Listener(inner net.Listener) net.Listener { return &listener{inner, l} }

type listener struct {
	net.Listener
	limit *Limit
}

// Accept makes room for the connection before it returns.
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, limit: l.limit}
	if !l.limit.admit(c) {
		inner.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *listener) Close() error {
	l.limit.mu.Lock()
	l.limit.closed = true
	l.limit.mu.Unlock()
	l.limit.changed.Broadcast()
	return l.Listener.Close()
}

// admit waits until there is room for c. It returns false if the listener is closed.
func (l *Limit) admit(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && l.open >= l.most {
		old := l.next()
		if old == nil {
			l.changed.Wait()
			continue
		}
		if left := time.Until(old.until); left > 0 {
			wake := time.AfterFunc(left, l.wake)
			l.changed.Wait()
			wake.Stop()
			continue
		}
		l.release(old)
		old.Conn.Close() // the server notices and closes its side, too
	}
	if l.closed {
		return false
	}
	l.open++
	c.wait(l.grace)
	return true
}

// next returns the connection that gives way next: of those that may give way, the one that
// is idle for the longest time. If none may yet, it returns the one that may first, and nil
// if none is idle. The caller holds the lock.
func (l *Limit) next() (first *conn) {
	now := time.Now()
	for e := l.idle.Front(); e != nil; e = e.Next() {
		c, _ := e.Value.(*conn)
		if !c.until.After(now) {
			return c
		}
		if first == nil || c.until.Before(first.until) {
			first = c
		}
	}
	return first
}

// wake wakes those who wait in admit. It takes the lock, because otherwise it could come
// before the Wait for which it is meant.
func (l *Limit) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Broadcast()
}

// release takes a connection out of the count, once. The caller holds the lock.
func (l *Limit) release(c *conn) {
	if c.gone {
		return
	}
	c.gone = true
	c.work()
	l.open--
	l.changed.Broadcast()
}

// conn is a connection of the server. The lock of the limit guards its fields.
type conn struct {
	net.Conn
	limit *Limit
	gone  bool
	until time.Time     // if it is idle: when it may give way
	place *list.Element // in the list of idle connections; nil: it is not idle
}

// wait makes the connection idle. It may give way after some time. The caller holds the
// lock.
func (c *conn) wait(after time.Duration) {
	if c.gone || c.place != nil {
		return
	}
	c.until = time.Now().Add(after)
	c.place = c.limit.idle.PushBack(c)
	c.limit.changed.Broadcast()
}

// work ends wait. The caller holds the lock.
func (c *conn) work() {
	if c.place != nil {
		c.limit.idle.Remove(c.place)
		c.place = nil
	}
}

// begin makes the connection busy.
func (c *conn) begin() {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.work()
}

// rest makes the connection idle from now on, even if it was idle before.
func (c *conn) rest() {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.work()
	c.wait(c.limit.grace)
}

// Write sends a part of a response. Meanwhile the connection waits for its client.
func (c *conn) Write(b []byte) (int, error) {
	if c.pause() {
		defer c.begin()
	}
	return c.Conn.Write(b)
}

// pause makes a busy connection idle. It returns false if it is idle already.
func (c *conn) pause() bool {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	if c.place != nil {
		return false
	}
	c.wait(c.limit.unread)
	return true
}

func (c *conn) Close() error {
	c.limit.mu.Lock()
	c.limit.release(c)
	c.limit.mu.Unlock()
	return c.Conn.Close()
}
