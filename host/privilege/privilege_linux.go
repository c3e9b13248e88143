package privilege

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
	libcap "kernel.org/pub/linux/libs/security/libcap/cap"
)

// kept is what a running director cannot do without: it changes addresses,
// local routes and neighbours over netlink, which asks for CAP_NET_ADMIN anew
// for each message, until it has removed the last of them on its way out.
//
// CAP_NET_RAW is for opening packet sockets, not for using them. CAP_BPF is for
// making maps and programs; what it takes to change a map is its descriptor
// (kernel/bpf/syscall.c, __sys_bpf).
var kept = []libcap.Value{libcap.NET_ADMIN}

// Seal sees to it that what Drop gives up later cannot come back by an exec: it
// takes all that a running director does not need from the bounding set where it
// may, which takes CAP_SETPCAP, and sets no_new_privs. It takes nothing away yet.
// Dozens of calls that each stop all threads, it belongs in front of the work.
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

// Drop keeps, of all threads' capabilities, those that a running director needs
// and has. Threads that start later inherit that.
//
// A process of root's stays root's: it may still write the files that root
// owns, such as an interrupt's affinity. It may no longer write those that root
// does not own.
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

// others are the capabilities of the running kernel that are not kept.
func others() (all []libcap.Value) {
	for c := range libcap.MaxBits() {
		if !slices.Contains(kept, c) {
			all = append(all, c)
		}
	}
	return all
}
