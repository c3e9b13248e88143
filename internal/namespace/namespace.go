//go:build linux

// Package namespace runs functions on operating-system threads inside network
// namespaces. Such a thread is never used for anything else: it ends when its
// function returns. So whatever the function has done to the thread cannot affect
// other goroutines.
package namespace

import (
	"os"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Go runs f on a thread of its own and does not wait for it. The thread is never the
// main thread of the process: that one cannot be ended, and its namespace is the one
// that /proc/PID shows.
func Go(f func()) {
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if unix.Gettid() != os.Getpid() {
			f()
			return
		}
		// The next goroutine cannot get the main thread while this one holds it.
		begun := make(chan struct{})
		Go(func() {
			close(begun)
			f()
		})
		<-begun
		runtime.UnlockOSThread()
	}()
}

// Do runs f on a thread of its own, waits for it and returns its error.
func Do(f func() error) error {
	done := make(chan error)
	Go(func() { done <- f() })
	return <-done
}

// In is like Do, but the thread is inside ns when f starts.
func In(ns netns.NsHandle, f func() error) error {
	return Do(func() error {
		if err := netns.Set(ns); err != nil {
			return err
		}
		return f()
	})
}
