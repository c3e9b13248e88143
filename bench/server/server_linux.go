// Package server is the evaluation's real server: HTTP/1.0 and 1.1 by an event
// loop, cheap enough that what stands in front of it is what is measured. It
// can be held to so many connections a second, as slow as the paper's. It needs
// Linux.
package server

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// PageSize is that of the page at "/", the paper's, in bytes.
const PageSize = 628

// NameHeader tells a client behind a balancer who answered.
const NameHeader = "X-Server"

// Options of a server.
type Options struct {
	Listen []netip.AddrPort
	Name   string // for NameHeader
	// Cap is how many connections are taken up per second; 0: all. The others wait
	// in the kernel's queue, as in front of a web server that is busy.
	Cap     int
	Threads int // each with sockets of its own (SO_REUSEPORT); 0: 1
	// TLS has connections begin with a handshake of TLS 1.3, by a certificate that is
	// made at the start. They are served by goroutines: Threads means nothing.
	TLS bool
}

// Server answers
//
//	GET /         PageSize bytes
//	GET /bytes/N  N bytes
//
// either with ?wait=DURATION after that long. Its methods are safe for concurrent
// use.
type Server struct {
	loops   []*loop
	secure  *secure // with TLS, instead of loops
	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

// Counts is what a server has done.
type Counts struct {
	Name        string `json:"name"`
	Connections uint64 `json:"connections"` // taken up
	Requests    uint64 `json:"requests"`    // answered, with whatever status
	Bytes       uint64 `json:"bytes"`       // of bodies
}

// counters are a thread's own, read by others.
type counters struct{ connections, requests, bytes atomic.Uint64 }

// Start opens the sockets, in the network namespace of the calling thread, and
// begins to answer.
func Start(o Options) (*Server, error) {
	if len(o.Listen) == 0 || o.Cap < 0 {
		return nil, fmt.Errorf("server: %d addresses, %d connections per second", len(o.Listen), o.Cap)
	}
	o.Threads = max(1, o.Threads)
	s := &Server{}
	if o.TLS {
		var err error
		if s.secure, err = newSecure(o); err != nil {
			return nil, err
		}
		return s, nil
	}
	for i := range o.Threads {
		l, err := newLoop(o, i)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.loops = append(s.loops, l)
	}
	for _, l := range s.loops {
		s.running.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if err := l.run(); err != nil {
				s.mu.Lock()
				s.errs = append(s.errs, err)
				s.mu.Unlock()
			}
		})
	}
	return s, nil
}

// Counts returns what has been done so far.
func (s *Server) Counts() (c Counts) {
	for _, l := range s.loops {
		c.add(l.name, &l.counts)
	}
	if s.secure != nil {
		c.add(s.secure.answers.name, &s.secure.counts)
	}
	return c
}

func (c *Counts) add(name string, more *counters) {
	c.Name = name
	c.Connections += more.connections.Load()
	c.Requests += more.requests.Load()
	c.Bytes += more.bytes.Load()
}

// Close ends the server and its connections, and returns what went wrong while it
// ran.
func (s *Server) Close() error {
	if s.secure != nil {
		return s.secure.close()
	}
	for _, l := range s.loops {
		l.stopping.Store(true)
		l.poll.Wake()
	}
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := s.errs
	for _, l := range s.loops {
		errs = append(errs, l.close())
	}
	s.loops, s.errs = nil, nil
	return errors.Join(errs...)
}

// backlog is how many connections may wait to be taken up; the kernel lowers it to
// net.core.somaxconn.
const backlog = 4096

// listen opens one socket of a thread.
func listen(at netip.AddrPort) (fd int, err error) {
	family := unix.AF_INET6
	var sa unix.Sockaddr = &unix.SockaddrInet6{Addr: at.Addr().As16(), Port: int(at.Port())}
	if at.Addr().Is4() {
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("listen at %s: %w", at, err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
	)
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("listen at %s: %w", at, err)
	}
	return fd, nil
}

// bucket lets so many connections in per second. The zero bucket lets all in.
type bucket struct {
	every time.Duration // between two connections
	next  time.Duration // when the next one may come
}

// burst is for how long a bucket saves up, so that connections that come in little
// clumps are not held to less than its rate.
const burst = 10 * time.Millisecond

// take reports whether a connection may come in now.
func (b *bucket) take(now time.Duration) bool {
	if b.every == 0 {
		return true
	}
	if b.next > now {
		return false
	}
	b.next = max(b.next, now-burst) + b.every
	return true
}
