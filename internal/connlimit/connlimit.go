// Package connlimit bounds the connections of an http.Server. When the limit is reached,
// a connection on which no request is handled gives way to a new one. So clients that
// keep their connections open, or that send their requests slowly, do not shut others
// out.
package connlimit

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limit bounds the connections of one server. Its methods may be called by any goroutine.
type Limit struct {
	most  int
	grace time.Duration

	mu      sync.Mutex
	changed *sync.Cond // a connection was closed or became idle, or the listener was closed
	open    int
	idle    *list.List // of *conn, the one that became idle first at the front
	closed  bool
}

// New returns a limit of most connections. A connection gives way only after it was
// idle for grace. Clients that send a request at that moment lose it; those whose
// requests are not idempotent should have some time.
func New(most int, grace time.Duration) *Limit {
	l := &Limit{most: most, grace: grace, idle: list.New()}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// Apply makes s obey the limit. It wraps the handler of s, and sets its ConnContext and
// ConnState. The caller serves the listener that Listener returns.
//
// A connection is busy from the moment at which the handler is called until the server
// has sent the response. The server sends a short response only after the handler has
// returned, so the return of the handler would be too early.
func (l *Limit) Apply(s *http.Server) {
	next, inner, state := s.Handler, s.ConnContext, s.ConnState
	s.ConnState = func(c net.Conn, now http.ConnState) {
		if c, ok := c.(*conn); ok && now == http.StateIdle {
			c.end()
		}
		if state != nil {
			state(c, now)
		}
	}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(key{}).(*conn); ok {
			c.begin()
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
		first := l.idle.Front()
		if first == nil {
			l.changed.Wait()
			continue
		}
		old, _ := first.Value.(*conn)
		if left := l.grace - time.Since(old.since); left > 0 {
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
	c.wait()
	return true
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
	since time.Time     // when it became idle
	place *list.Element // in the list of idle connections; nil: it is not idle
}

// wait makes the connection idle. The caller holds the lock.
func (c *conn) wait() {
	if c.gone || c.place != nil {
		return
	}
	c.since = time.Now()
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

// begin says that a request of the connection is handled.
func (c *conn) begin() {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.work()
}

// end says that the response was sent.
func (c *conn) end() {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.wait()
}

func (c *conn) Close() error {
	c.limit.mu.Lock()
	c.limit.release(c)
	c.limit.mu.Unlock()
	return c.Conn.Close()
}
