//go:build linux

package namespace_test

import (
	"errors"
	"os"
	"testing"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"director/internal/namespace"
)

// current returns the namespace of the calling thread.
func current(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestIn_RunsInTheNamespaceAndLeavesOthersAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	before := current(t)
	var ns netns.NsHandle
	var made string
	if err := namespace.Do(func() (err error) {
		ns, err = netns.New()
		made = current(t)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	want := errors.New("the function's own")
	for range 100 { // more often than there are idle threads
		err := namespace.In(ns, func() error {
			if got := current(t); got != made {
				t.Errorf("in %s, want %s", got, made)
			}
			if unix.Gettid() == os.Getpid() {
				t.Error("runs on the main thread")
			}
			return want
		})
		if !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
		if err := namespace.Do(func() error {
			if got := current(t); got != before {
				t.Errorf("another thread is in %s, want %s", got, before)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if made == before || current(t) != before {
		t.Errorf("made %s, was in %s, is in %s", made, before, current(t))
	}
}

func TestIn_DoesNotRunOutsideTheNamespace(t *testing.T) {
	err := namespace.In(netns.None(), func() error {
		t.Error("runs without the namespace")
		return nil
	})
	if err == nil {
		t.Error("no error")
	}
}
