//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// netnsDir is where iproute2 looks for named network namespaces.
const netnsDir = "/run/netns"

const namePrefix = "dirlab-"

// Sweep removes the namespace names that labs of dead processes left behind.
// New calls it.
func Sweep() error {
	entries, err := os.ReadDir(netnsDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep old labs: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if pid, ok := ownerOf(e.Name()); ok && !alive(pid) {
			errs = append(errs, removeName(e.Name()))
		}
	}
	return errors.Join(errs...)
}

// ownerOf takes the process id out of a namespace's name.
func ownerOf(name string) (pid int, ok bool) {
	rest, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return 0, false
	}
	digits, _, ok := strings.Cut(rest, "-")
	if !ok {
		return 0, false
	}
	pid, err := strconv.Atoi(digits)
	return pid, err == nil && pid > 0
}

func alive(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

// newNamespace makes a network namespace, names it and returns a descriptor of
// it.
func newNamespace(name string) (fd int, err error) {
	done := make(chan struct{})
	spawn(func() {
		defer close(done)
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("make network namespace %s (needs CAP_SYS_ADMIN): %w", name, err)
			return
		}
		const own = "/proc/thread-self/ns/net"
		if err = named.add(name, own); err != nil {
			return
		}
		if fd, err = unix.Open(own, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			err = fmt.Errorf("open network namespace %s: %w", name, err)
		}
	})
	<-done
	return fd, err
}

// bindName gives the namespace behind the file source a name in netnsDir.
func bindName(name, source string) error {
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return fmt.Errorf("name network namespace: %w", err)
	}
	path := filepath.Join(netnsDir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return fmt.Errorf("name network namespace: %w", err)
	}
	f.Close()
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		os.Remove(path)
		return fmt.Errorf("mount network namespace on %s: %w", path, err)
	}
	return nil
}

// removeName undoes bindName. A file that was not mounted yet is removed all
// the same, and one that is gone is no error.
func removeName(name string) error {
	path := filepath.Join(netnsDir, name)
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove namespace name: %w", err)
	}
	return nil
}

// spawn runs f on an operating-system thread of its own, which is thrown away
// when f returns: a thread that has been in another namespace must not serve
// other goroutines. f never runs on the process's main thread, for that one
// cannot be thrown away, and its namespace is the one that /proc/PID shows.
func spawn(f func()) {
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if unix.Gettid() != os.Getpid() {
			f()
			return
		}
		// While this goroutine holds the main thread the next one cannot get it.
		begun := make(chan struct{})
		spawn(func() {
			close(begun)
			f()
		})
		<-begun
		runtime.UnlockOSThread()
	}()
}
