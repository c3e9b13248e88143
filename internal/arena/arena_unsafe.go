//go:build linux && !race

package arena

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// advice is what the kernel is told of new memory.
var advice = unix.MADV_HUGEPAGE

func hugePages(on bool) error {
	if advice = unix.MADV_NOHUGEPAGE; on {
		advice = unix.MADV_HUGEPAGE
	}
	return nil
}

func alloc[T any](n int) ([]T, error) {
	if n == 0 {
		return nil, nil
	}
	var t T
	b, err := unix.Mmap(-1, 0, n*int(unsafe.Sizeof(t)), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	// A kernel without transparent huge pages refuses; the table is then
	// slower, not wrong.
	_ = unix.Madvise(b, advice)
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n), nil
}

func free[T any](s []T) {
	if len(s) == 0 {
		return
	}
	p := unsafe.Pointer(&s[0])
	_ = unix.Munmap(unsafe.Slice((*byte)(p), len(s)*int(unsafe.Sizeof(s[0]))))
}
