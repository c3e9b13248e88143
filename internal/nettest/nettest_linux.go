// Package nettest gives tests a network: namespaces of their own, wires between
// them, and packet sockets to put frames on a wire and take them off. The
// namespaces have no names, so nothing is left behind however a test ends, not
// even when its process is killed. It is imported by tests only.
package nettest

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must happen. It is generous: it is
// there to end a test that has failed.
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

// Enter moves the goroutine of t into a fresh namespace for good: its thread
// ends with the test.
func Enter(t testing.TB) *Namespace {
	t.Helper()
	Root(t)
	runtime.LockOSThread()
	n, err := unshare()
	return n.ready(t, err)
}

// New makes a namespace that nobody is in.
func New(t testing.TB) *Namespace {
	t.Helper()
	Root(t)
	var n *Namespace
	err := onThread(func() (err error) {
		n, err = unshare()
		return err
	})
	return n.ready(t, err)
}

// Do runs f on a thread inside n, waits for it and fails the test on its error.
// Sockets and attachments that f makes stay in n.
func (n *Namespace) Do(t testing.TB, f func() error) {
	t.Helper()
	if err := n.Try(f); err != nil {
		t.Fatal(err)
	}
}

// Try runs f on a thread inside n and returns its error.
func (n *Namespace) Try(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(n.ns); err != nil {
			return err
		}
		return f()
	})
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

// unshare moves the calling thread into a fresh namespace.
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

// onThread runs f on a thread that ends with it, so that whatever f did to the
// thread is gone.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		done <- f()
	}()
	return <-done
}
