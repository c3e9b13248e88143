//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"director/internal/namespace"
)

// netnsDir is where iproute2 and netns keep named network namespaces.
const netnsDir = "/run/netns"

const namePrefix = "dirlab-"

// Sweep removes the names of namespaces that labs of dead processes have left. New
// calls it.
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

// ownerOf returns the process id that is part of a namespace's name.
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

// newNamespace makes a network namespace with a name.
func newNamespace(name string) (ns netns.NsHandle, err error) {
	err = namespace.Do(func() (err error) {
		ns, err = named.add(name)
		return err
	})
	return ns, err
}

// removeName removes the name of a namespace. It is like netns.DeleteNamed, but it
// also removes a file on which no namespace is mounted, and a name that does not
// exist is not an error.
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
