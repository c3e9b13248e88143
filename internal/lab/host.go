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

// ErrClosed is what a Host's methods return after its lab was closed.
var ErrClosed = errors.New("lab: closed")

// Host is one machine of the lab: a network namespace with a loopback and its
// interfaces eth0 and perhaps eth1. Its methods are safe for concurrent use.
type Host struct {
	Name      string       // director, client1, rs1, switch
	Namespace string       // the name under /run/netns
	Addr      netip.Addr   // of eth0; the director's in the clients' subnet
	Sources   []netip.Addr // a client's addresses on eth0, Addr among them

	// Link sees and changes the host's links, addresses, routes and neighbours.
	Link *netlink.Handle

	ns   netns.NsHandle
	jobs chan job
	open context.Context // done when the lab closes

	mu      sync.Mutex // orders the start of a thread and the end of all
	end     context.CancelFunc
	threads sync.WaitGroup
}

// job is a function to run in a host, and where its error goes.
type job struct {
	run  func() error
	done chan<- error
}

// newHost makes a namespace with nothing but an idle loopback in it.
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

// Do runs f on a thread inside the host and returns its error. What f does
// itself happens in the host's namespace: sockets it makes, processes it
// starts, files below /proc/sys/net it opens. Goroutines it starts are
// elsewhere. Close waits for f, so f must end.
func (h *Host) Do(f func() error) error {
	done := make(chan error, 1)
	j := job{f, done}
	select {
	case h.jobs <- j: // a thread that is already there is idle
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

// start gives the host one more thread, with a first job.
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

// serve moves the calling thread into the host and runs jobs there until the
// host is closed. Threads are kept: there are never more than there were jobs
// at one time.
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

// shut ends the host's threads, and with them the processes that Start
// started, and lets go of the namespace.
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
