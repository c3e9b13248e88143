//go:build linux

package epoll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wait calls epoll_pwait2(2), which golang.org/x/sys lacks. epoll_wait(2) is too
// coarse: it counts in milliseconds, and 20 connections are made in one.
func wait(fd int, ready []unix.EpollEvent, timeout time.Duration) (n int, errno unix.Errno) {
	var ts unix.Timespec
	var until unsafe.Pointer // nil waits without limit
	if timeout >= 0 {
		ts = unix.NsecToTimespec(timeout.Nanoseconds())
		until = unsafe.Pointer(&ts)
	}
	r, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&ready[0])),
		uintptr(len(ready)), uintptr(until), 0, 0)
	return int(r), errno
}
