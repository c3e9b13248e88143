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

// Drop keeps, of all threads' capabilities, those that a running director needs
// and has. It takes the others from the bounding set too where it may, which
// takes CAP_SETPCAP, and rules out that an exec gives any back. Threads that
// start later inherit all of it.
//
// A process of root's stays root's: it may still write the files that root
// owns, such as an interrupt's affinity. It may no longer write those that root
// does not own.
func Drop() error {
	if _, err := libcap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	has := libcap.GetProc()
	if may, err := has.GetFlag(libcap.Effective, libcap.SETPCAP); err != nil {
		return fmt.Errorf("read the capabilities: %w", err)
	} else if may {
		if err := libcap.DropBound(others()...); err != nil {
			return fmt.Errorf("drop capabilities from the bounding set: %w", err)
		}
	}
	if err := libcap.ResetAmbient(); err != nil {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	left := libcap.NewSet()
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
