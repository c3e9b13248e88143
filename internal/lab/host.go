//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"director/internal/namespace"
)

// ErrClosed is returned by the methods of a Host after its lab was closed.
var ErrClosed = errors.New("lab: closed")

// Host is one machine of the lab: a network namespace with a loopback and the interfaces
// eth0 and possibly eth1. Its methods are safe for concurrent use.
type Host struct {
	Name      string       // director, client1, rs1, switch
	Namespace string       // the name under /run/netns
	Addr      netip.Addr   // of eth0; for the director the one in the clients' subnet
	Sources   []netip.Addr // a client's addresses on eth0, including Addr

	// Link reads and changes the host's links, addresses, routes and neighbours.
	Link *netlink.Handle

	ns   netns.NsHandle
	jobs chan job
	open context.Context // done when the lab is closed

	mu      sync.Mutex // no thread starts while all of them end
	end     context.CancelFunc
	threads sync.WaitGroup
}

// job is a function that runs in a host. Its error is sent to done.
type job struct {
	run  func() error
	done chan<- error
}

// newHost makes a namespace in which only a loopback exists, which is down.
func newHost(lab, name string) (*Host, error) {
	h := &Host{Name: name, Namespace: lab + "-" + name, jobs: make(chan job)}
	ns, err := newNamespace(h.Namespace)
	if err != nil {
		return nil, errors.Join(err, named.remove(h.Namespace))
	}
	h.ns = ns
	h.open, h.end = context.WithCancel(context.Background())
	err = h.Do(func() error {
		h.Link, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: open netlink socket: %w", name, err), h.shut())
	}
	return h, nil
}

// Do runs f on a thread inside the host and returns its error. Sockets that f opens,
// processes that it starts and files below /proc/sys/net that it opens belong to the host's
// namespace. Goroutines that f starts are not in this namespace. Close waits for f, so f
// must end.
func (h *Host) Do(f func() error) error {
	done := make(chan error, 1)
	j := job{f, done}
	select {
	case h.jobs <- j: // an existing thread is idle
	default:
		if err := h.start(j); err != nil {
			return err
		}
	}
	return <-done
}

// Sysctl sets a network sysctl of the host: Sysctl("net.ipv4.ip_forward", "1").
func (h *Host) Sysctl(name, value string) error {
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	err := h.Do(func() error { return os.WriteFile(path, []byte(value), 0) })
	if err != nil {
		return fmt.Errorf("%s: set %s to %s: %w", h.Name, name, value, err)
	}
	return nil
}

// start starts another thread of the host, with a first job.
func (h *Host) start(j job) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open.Err() != nil {
		return ErrClosed
	}
	h.threads.Add(1)
	namespace.Go(func() { h.serve(j) })
	return nil
}

// serve moves the calling thread into the host and runs jobs there until the host is closed.
// Threads are reused, so there are never more of them than there were jobs at the same
// time.
func (h *Host) serve(j job) {
	defer h.threads.Done()
	if err := netns.Set(h.ns); err != nil {
		j.done <- fmt.Errorf("enter %s: %w", h.Namespace, err)
		return
	}
	for {
		j.done <- j.run()
		select {
		case j = <-h.jobs:
		case <-h.open.Done():
			return
		}
	}
}

// shut ends the host's threads, and so the processes that Start has started, and releases
// the namespace.
func (h *Host) shut() error {
	h.mu.Lock()
	h.end()
	h.mu.Unlock()
	h.threads.Wait()
	if h.Link != nil {
		h.Link.Close()
	}
	return errors.Join(h.ns.Close(), named.remove(h.Namespace))
}
