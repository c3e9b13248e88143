//go:build linux && !race

package arena

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

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
	b, err := Map(n * int(unsafe.Sizeof(t)))
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n), nil
}

func sparse[T any](n int) ([]T, error) {
	s, err := alloc[T](n)
	if len(s) != 0 {
		// A kernel without transparent huge pages refuses, and gives small ones.
		_ = unix.Madvise(bytes(s), unix.MADV_NOHUGEPAGE)
	}
	return s, err
}

// bytes is the memory of s, which has values.
func bytes[T any](s []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

func free[T any](s []T) {
	if len(s) == 0 {
		return
	}
	_ = Unmap(bytes(s))
}
