// Package nettest provides networks for tests: namespaces, veth pairs between them,
// and packet sockets that send and receive frames. The namespaces have no names, so
// the kernel removes them however a test ends, even if its process is killed. Only
// tests import this package.
package nettest

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"director/internal/namespace"
)

// patience is how long a test waits for a condition. It is long, because its only
// purpose is to end a test that has failed.
const patience = 20 * time.Second

// Namespace is a network namespace whose lo is up, and a netlink handle into it.
// Any goroutine may use it until the test ends.
type Namespace struct {
	*netlink.Handle
	ns netns.NsHandle
}

// Root skips t, with the reason, unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: network namespaces, capabilities and BPF programs")
	}
}

// Enter moves the goroutine of t into a new namespace. The goroutine stays there
// until its thread ends with the test.
func Enter(t testing.TB) *Namespace {
	t.Helper()
	Root(t)
	runtime.LockOSThread()
	n, err := unshare()
	return n.ready(t, err)
}

// New makes a namespace. No thread is inside it.
func New(t testing.TB) *Namespace {
	t.Helper()
	Root(t)
	var n *Namespace
	err := namespace.Do(func() (err error) {
		n, err = unshare()
		return err
	})
	return n.ready(t, err)
}

// Do runs f on a thread inside n, waits for it and fails the test on its error.
// Sockets and attachments that f makes belong to n.
func (n *Namespace) Do(t testing.TB, f func() error) {
	t.Helper()
	if err := n.Try(f); err != nil {
		t.Fatal(err)
	}
}

// Try runs f on a thread inside n and returns its error.
func (n *Namespace) Try(f func() error) error {
	return namespace.In(n.ns, f)
}

// Eventually waits until cond holds.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting after %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

func (n *Namespace) ready(t testing.TB, err error) *Namespace {
	t.Helper()
	if err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() {
		n.Close()
		n.ns.Close()
	})
	n.Up(t, "lo")
	return n
}

// unshare moves the calling thread into a new namespace.
func unshare() (*Namespace, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		ns.Close()
		return nil, err
	}
	return &Namespace{h, ns}, nil
}
