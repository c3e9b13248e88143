//go:build linux

package afxdp

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmapOffsets asks where in each mapped ring its parts lie.
func mmapOffsets(fd int) (unix.XDPMmapOffsets, error) {
	var off unix.XDPMmapOffsets
	size := uint32(unsafe.Sizeof(off))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_MMAP_OFFSETS,
		uintptr(unsafe.Pointer(&off)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return off, os.NewSyscallError("getsockopt XDP_MMAP_OFFSETS", errno)
	}
	return off, nil
}

// mapRing maps a ring of n entries that the socket already has.
func mapRing[T any](fd int, page int64, off unix.XDPRingOffset, n int) (shared[T], []byte, error) {
	var entry T
	length := int(off.Desc) + n*int(unsafe.Sizeof(entry))
	mem, err := unix.Mmap(fd, page, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return shared[T]{}, nil, fmt.Errorf("map ring %#x: %w", page, err)
	}
	return shared[T]{
		head:    (*uint32)(unsafe.Pointer(&mem[off.Producer])),
		tail:    (*uint32)(unsafe.Pointer(&mem[off.Consumer])),
		flags:   (*uint32)(unsafe.Pointer(&mem[off.Flags])),
		entries: unsafe.Slice((*T)(unsafe.Pointer(&mem[off.Desc])), n),
	}, mem, nil
}
