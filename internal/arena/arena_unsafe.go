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

func free[T any](s []T) {
	if len(s) == 0 {
		return
	}
	p := unsafe.Pointer(&s[0])
	_ = Unmap(unsafe.Slice((*byte)(p), len(s)*int(unsafe.Sizeof(s[0]))))
}
