package privilege

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// kept are the capabilities that a running director needs. It changes addresses, local
// routes and neighbours over netlink, which checks CAP_NET_ADMIN for each message. It
// needs it until it has removed the last of them at the end.
//
// CAP_NET_RAW is needed to open packet sockets, not to use them. CAP_BPF is needed to
// create maps and programs; a map is changed through its descriptor alone
// (kernel/bpf/syscall.c, __sys_bpf).
var kept = []uintptr{unix.CAP_NET_ADMIN}

// capabilities are the sets of one thread: 32 capabilities in each word (capset(2)).
type capabilities [2]unix.CapUserData

// Seal makes sure that an exec cannot bring back what Drop drops later. It removes
// everything that a running director does not need from the bounding set, if it has
// CAP_SETPCAP, and sets no_new_privs. It does not drop anything yet. It makes dozens of
// calls that each stop all threads, so it must run before the workers start.
func Seal() error {
	if err := prctlThreads(unix.PR_SET_NO_NEW_PRIVS, 1, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	has, err := current()
	if err != nil {
		return err
	}
	if has[0].Effective&(1<<unix.CAP_SETPCAP) == 0 {
		return nil
	}
	for c := uintptr(0); known(c); c++ {
		if slices.Contains(kept, c) {
			continue
		}
		if err := prctlThreads(unix.PR_CAPBSET_DROP, c, 0); err != nil {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, err)
		}
	}
	return nil
}

// Drop drops the capabilities of all threads, except those that a running director
// needs. Threads that start later inherit that.
//
// A process that runs as root stays root. It may still write files that root owns, such
// as an interrupt's affinity, but no longer the files of other users.
func Drop() error {
	// A kernel before 4.3 has no ambient capabilities and says EINVAL.
	if err := prctlThreads(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	has, err := current()
	if err != nil {
		return err
	}
	for i := range has {
		has[i].Effective &= keeps(i)
		has[i].Permitted &= keeps(i)
		has[i].Inheritable = 0
	}
	if err := setThreads(has); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

// keeps returns the capabilities of the i-th word that are kept.
func keeps(i int) (mask uint32) {
	for _, c := range kept {
		if int(c/32) == i {
			mask |= 1 << (c % 32)
		}
	}
	return mask
}

// current returns the capabilities of the calling thread.
func current() (has capabilities, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &has[0]); err != nil {
		return has, fmt.Errorf("read the capabilities: %w", err)
	}
	return has, nil
}

// known reports whether the running kernel has capability c.
func known(c uintptr) bool {
	_, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
	return err == nil
}
