//go:build linux

package afxdp

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// registerUMEM registers memory as the UMEM of the socket. The kernel pins the memory
// and uses its address until the socket is closed.
func registerUMEM(fd int, memory []byte) error {
	region := unix.XDPUmemReg{
		Addr: uint64(uintptr(unsafe.Pointer(&memory[0]))),
		Len:  uint64(len(memory)),
		Size: ChunkSize,
	}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_UMEM_REG,
		uintptr(unsafe.Pointer(&region)), unsafe.Sizeof(region), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// getsockopt reads an option of AF_XDP whose value is a T.
func getsockopt[T any](fd, option int) (value T, err error) {
	size := uint32(unsafe.Sizeof(value))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option),
		uintptr(unsafe.Pointer(&value)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return value, errno
	}
	return value, nil
}

// mapRing maps a ring of n entries at the offset page of the socket. It adds the
// mapping to s.mappings.
func mapRing[T any](s *socket, ring *shared[T], page int64, off unix.XDPRingOffset, n int) error {
	var entry T
	length := int(off.Desc) + n*int(unsafe.Sizeof(entry))
	mem, err := unix.Mmap(s.fd, page, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return err
	}
	s.mappings = append(s.mappings, mem)
	*ring = shared[T]{
		head:    (*uint32)(unsafe.Pointer(&mem[off.Producer])),
		tail:    (*uint32)(unsafe.Pointer(&mem[off.Consumer])),
		flags:   (*uint32)(unsafe.Pointer(&mem[off.Flags])),
		entries: unsafe.Slice((*T)(unsafe.Pointer(&mem[off.Desc])), n),
	}
	return nil
}
