//go:build linux

package afpacket

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendmmsg sends msgs in order until one fails. It returns the number of sent
// messages, and an error only if the first message failed (sendmmsg(2)). It never
// waits.
func sendmmsg(fd int, msgs []unix.Mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(msgs))), uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
