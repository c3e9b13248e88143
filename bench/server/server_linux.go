// Package server is the real server of the evaluation: HTTP/1.0 and 1.1 in an event
// loop. It needs so little CPU time that the balancer in front of it is the
// bottleneck. Its rate of connections can be limited, to be as slow as the paper's
// servers. It needs Linux.
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

// PageSize is the size of the page at "/", in bytes. It is the size of the paper's
// page.
const PageSize = 628

// NameHeader is the header with the server's name. It shows a client behind a
// balancer which server answered.
const NameHeader = "X-Server"

// Options configure a server.
type Options struct {
	Listen []netip.AddrPort
	Name   string // value of NameHeader
	// Cap is how many connections are accepted per second; 0: no limit. The others
	// wait in the kernel's queue, as with a busy web server.
	Cap     int
	Threads int // each has its own sockets (SO_REUSEPORT); 0: 1
	// TLS requires a handshake of TLS 1.3 on each connection. The certificate is
	// generated at the start. Goroutines serve the connections, so Threads is
	// ignored.
	TLS bool
}

// Server answers
//
//	GET /         PageSize bytes
//	GET /bytes/N  N bytes
//
// With ?wait=DURATION it waits for that time first. Its methods are safe for
// concurrent use.
type Server struct {
	loops   []*loop
	secure  *secure // with TLS, in place of loops
	running sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

// Counts is what a server has done.
type Counts struct {
	Name        string `json:"name"`
	Connections uint64 `json:"connections"` // accepted
	Requests    uint64 `json:"requests"`    // answered, with any status
	Bytes       uint64 `json:"bytes"`       // of bodies
}

// counters belong to one thread. Other goroutines read them.
type counters struct{ connections, requests, bytes atomic.Uint64 }

// Start opens the sockets in the network namespace of the calling thread and starts
// to serve.
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

// Counts returns the totals since the start.
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

// Close closes the server and its connections, and returns the errors that occurred
// while it ran.
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

// backlog is how many connections may wait to be accepted. The kernel limits it to
// net.core.somaxconn.
const backlog = 4096

// listen opens a listening socket of one thread.
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

// bucket limits the connections per second. The zero bucket has no limit.
type bucket struct {
	every time.Duration // between two connections
	next  time.Duration // earliest time of the next connection
}

// burst is the time for which a bucket accumulates unused tokens. So connections
// that arrive in small groups still reach the full rate.
const burst = 10 * time.Millisecond

// take reports whether a connection may be accepted now, and takes its token.
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
