// Package arena gives tables their memory: zeroed, pointer-free, outside the
// Go heap, so that the collector neither scans nor moves a gigabyte of
// connections, and on transparent huge pages, so that a random look-up misses
// the TLB less often. Untouched pages cost nothing.
//
// Under the race detector the memory comes from the Go heap instead, because
// the detector does not see any other.
package arena

import "fmt"

// Make returns n zeroed values of T. T must not contain pointers: outside the
// heap the collector would not see what they point to. The memory lives until
// Free.
func Make[T any](n int) ([]T, error) {
	s, err := alloc[T](n)
	if err != nil {
		return nil, fmt.Errorf("allocate %d table entries: %w", n, err)
	}
	return s, nil
}

// HugePages says whether the memory of later calls of Make is to lie on huge
// pages, or on none even where the kernel gives them to everybody; without a
// call it is to. It is there for a benchmark that compares both, and not for
// use while others make tables. The error is that this memory cannot be
// advised of: it is the Go heap's.
func HugePages(on bool) error { return hugePages(on) }

// Free gives back what Make returned. Nothing may refer to it any more.
func Free[T any](s []T) { free(s) }
