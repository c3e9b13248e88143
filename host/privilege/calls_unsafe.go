//go:build linux

package privilege

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// landlockVersion returns the version of Landlock's interface, or a negative number if the
// kernel does not use Landlock.
func landlockVersion() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return -1
	}
	return int(v)
}

// createRuleset returns a descriptor of a set of rules. The kernel gets the first two
// fields: versions before 4 accept the second one as long as it is 0.
func createRuleset(denied *unix.LandlockRulesetAttr) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(denied)), unsafe.Offsetof(denied.Scoped), 0)
	if errno != 0 {
		return -1, fmt.Errorf("create a set of rules: %w", errno)
	}
	return int(fd), nil
}

func addRule(rules int, r *unix.LandlockPathBeneathAttr) error {
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(r)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// restrictThreads puts the rules in force. The system call is about the calling thread, so
// every thread makes it. (Linux 7.0 has a flag for that.)
func restrictThreads(rules int) error {
	if _, _, errno := psx.Syscall3(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules), 0, 0); errno != 0 {
		return fmt.Errorf("restrict the threads: %w", errno)
	}
	return nil
}

// installFilter puts a seccomp filter in force on all threads at once.
func installFilter(program []unix.SockFilter) error {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	const flags = unix.SECCOMP_FILTER_FLAG_TSYNC
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&p)))
	switch {
	case errno != 0:
		return fmt.Errorf("install the filter: %w", errno)
	case thread != 0: // seccomp(2): it could not be synchronized
		return fmt.Errorf("install the filter: thread %d has another one", thread)
	}
	return nil
}

// canFilter reports whether the kernel filters system calls.
func canFilter() bool {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	return errno == 0
}

// prctlThreads makes one call of prctl(2) on all threads.
func prctlThreads(option, a, b uintptr) error {
	if _, _, errno := psx.Syscall6(unix.SYS_PRCTL, option, a, b, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// setThreads sets the capabilities of all threads. psx.Syscall3 keeps both structures on
// the heap until it returns, because they become numbers in the call itself. A structure
// on the stack would not do: the stack may move before the threads make the call.
func setThreads(c capabilities) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	_, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&c)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
