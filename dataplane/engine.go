package dataplane

import (
	"sync"
	"sync/atomic"
	"time"

	"director/conntrack"
	"director/dataplane/answer"
	"director/dataplane/fragment"
)

// Engine contains the state that all workers of a director share. Any goroutine may
// call its methods, unless the comment of a method says otherwise.
type Engine struct {
	view atomic.Pointer[View]
	tap  atomic.Pointer[Tap] // the capture in progress, or nil

	conns     *conntrack.Table
	fragments *fragment.Table // fragments that wait for the rest of their datagram
	limiter   *answer.Limiter // of the ICMP errors that the workers send
	defence   defence
	helpers   helpers
	clock     func() int64
	ident     uint16
	sent      []*sentPackets // by worker; NewWorkers adds to it before the workers start
	resolver  Resolver
	giant     *sync.Mutex // held during every step; nil: no lock
	longWay   bool        // every packet goes through the stages
}

// Options configure an Engine.
type Options struct {
	// Conns is the connection table. The caller closes it. If it tracks streams
	// (--tcp-strict), only resets that are expected end connections.
	Conns *conntrack.Table
	// Clock returns nanoseconds since some fixed moment and never goes back. It is
	// read once a step. A clock that changes only every few milliseconds saves
	// writing deadlines.
	Clock    func() int64
	Resolver Resolver
	// Ident is the first identification of outer IPv4 headers. Each worker begins
	// in another part of the range.
	Ident uint16
	// Seed is the seed of the hash of the fragment table. It should be random.
	Seed [2]uint64
	// ICMPRate and ICMPMask configure the rate limit of ICMP errors: see
	// answer.Limiter.
	ICMPRate time.Duration
	ICMPMask uint32
	// GiantLock lets only one worker at a time make a step, as Linux 2.2 let only one
	// CPU into its network stack. It is for measuring the cost of such a lock.
	GiantLock bool
	// LongWay sends every packet through the stages, including those that hit.go
	// would handle at once. The results are the same; tests compare both ways.
	LongWay bool
}

// New makes an engine. SetView must be called before a worker's first step.
func New(o Options) *Engine {
	e := &Engine{
		conns:     o.Conns,
		fragments: fragment.New(fragment.Memory, o.Seed),
		limiter:   new(answer.Limiter),
		clock:     o.Clock,
		ident:     o.Ident,
		resolver:  o.Resolver,
		longWay:   o.LongWay || o.Conns.TracksStreams(), // hit.go does not follow streams
	}
	e.limiter.Set(o.ICMPRate, o.ICMPMask)
	e.conns.Share(e.unassured)
	if o.GiantLock {
		e.giant = new(sync.Mutex)
	}
	return e
}

// unassured returns the counters of a server's service for conntrack.Table.Share.
func (e *Engine) unassured(server uint32) *conntrack.Unassured {
	v := e.view.Load()
	if v == nil {
		return nil
	}
	s := v.Services.Server(server)
	if s == nil {
		return nil
	}
	return s.Unassured
}

// View returns the newest view. It returns nil before the first SetView.
func (e *Engine) View() *View { return e.view.Load() }

// SetView publishes a view. Each worker uses it from its next step on.
func (e *Engine) SetView(v *View) { e.view.Store(v) }

// Conns returns the connection table.
func (e *Engine) Conns() *conntrack.Table { return e.conns }

// Now returns the time on the workers' clock, in nanoseconds.
func (e *Engine) Now() int64 { return e.clock() }

// Tap returns the capture in progress, or nil.
func (e *Engine) Tap() *Tap { return e.tap.Load() }

// StartTap starts the capture t. It returns false and does nothing if a capture runs
// already. Each worker uses t from its next step on.
func (e *Engine) StartTap(t *Tap) bool { return e.tap.CompareAndSwap(nil, t) }

// StopTap stops the capture t, if it is running.
func (e *Engine) StopTap(t *Tap) { e.tap.CompareAndSwap(t, nil) }

// Settle removes a connection or template that has ended from the counts of its
// server, and removes the helper's state of it.
func (e *Engine) Settle(c *conntrack.Conn) {
	var crowds conntrack.Crowds
	crowds.Add(c, -1)
	e.view.Load().Services.Server(c.Server()).AddUnassured(crowds)
	e.settle(c)
}

// settle is Settle without the crowds of the server's service.
func (e *Engine) settle(c *conntrack.Conn) {
	if c.Is(conntrack.Helper) {
		e.helpers.remove(c)
	}
	server := e.view.Load().Services.Server(c.Server())
	if c.Is(conntrack.Template) {
		server.Unref()
		return
	}
	server.Release(c.State().Active())
}
