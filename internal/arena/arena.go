// Package arena allocates the large memory of the process: tables (Make) and
// the UMEM of AF_XDP sockets (Map). The memory is zeroed and lies outside the
// Go heap, so the collector neither scans nor moves a gigabyte of connections.
// It lies on transparent huge pages, so a random look-up misses the TLB less
// often. Untouched pages cost nothing.
//
// Under the race detector Make takes its memory from the Go heap instead,
// because the detector does not see any other.
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

// MakeSparse is like Make for values of which few are used: they lie on small pages,
// so that a value that is used costs one small page and no more.
func MakeSparse[T any](n int) ([]T, error) {
	s, err := sparse[T](n)
	if err != nil {
		return nil, fmt.Errorf("allocate %d table entries: %w", n, err)
	}
	return s, nil
}

// HugePages chooses the pages of memory that is allocated later. True asks for
// huge pages, which is the default. False declines them even where the kernel
// gives huge pages to every process. A benchmark uses it to compare both. Do
// not call it while another goroutine allocates. The error says that tables lie
// on the Go heap, where nothing can be declined.
func HugePages(on bool) error { return hugePages(on) }

// Free gives back what Make returned. Nothing may refer to it any more.
func Free[T any](s []T) { free(s) }
