package privilege

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
	libcap "kernel.org/pub/linux/libs/security/libcap/cap"
)

// kept are the capabilities that a running director needs. It changes addresses, local
// routes and neighbours over netlink, which checks CAP_NET_ADMIN for each message. It
// needs it until it has removed the last of them at the end.
//
// CAP_NET_RAW is needed to open packet sockets, not to use them. CAP_BPF is needed to
// create maps and programs; a map is changed through its descriptor alone
// (kernel/bpf/syscall.c, __sys_bpf).
var kept = []libcap.Value{libcap.NET_ADMIN}

// Seal makes sure that an exec cannot bring back what Drop drops later. It removes
// everything that a running director does not need from the bounding set, if it has
// CAP_SETPCAP, and sets no_new_privs. It does not drop anything yet. It makes dozens of
// calls that each stop all threads, so it must run before the workers start.
func Seal() error {
	if _, err := libcap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	may, err := libcap.GetProc().GetFlag(libcap.Effective, libcap.SETPCAP)
	if err != nil {
		return fmt.Errorf("read the capabilities: %w", err)
	}
	if !may {
		return nil
	}
	if err := libcap.DropBound(others()...); err != nil {
		return fmt.Errorf("drop capabilities from the bounding set: %w", err)
	}
	return nil
}

// Drop drops the capabilities of all threads, except those that a running director
// needs. Threads that start later inherit that.
//
// A process that runs as root stays root. It may still write files that root owns, such
// as an interrupt's affinity, but no longer the files of other users.
func Drop() error {
	if err := libcap.ResetAmbient(); err != nil {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	has, left := libcap.GetProc(), libcap.NewSet()
	for _, c := range kept {
		for _, f := range []libcap.Flag{libcap.Permitted, libcap.Effective} {
			on, err := has.GetFlag(f, c)
			if err == nil {
				err = left.SetFlag(f, on, c)
			}
			if err != nil {
				return fmt.Errorf("keep %s: %w", c, err)
			}
		}
	}
	if err := left.SetProc(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

// others returns the capabilities of the running kernel that are not kept.
func others() (all []libcap.Value) {
	for c := range libcap.MaxBits() {
		if !slices.Contains(kept, c) {
			all = append(all, c)
		}
	}
	return all
}
