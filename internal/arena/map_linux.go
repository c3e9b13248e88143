package arena

import "golang.org/x/sys/unix"

// advice is what the kernel is told about the pages of new memory.
var advice = unix.MADV_HUGEPAGE

// Map returns n bytes of zeroed memory that start on a page and never move. It
// lies outside the Go heap under the race detector too, so the kernel may keep
// its address: UMEM is made of it. It lives until Unmap.
//
// All memory of tables and of UMEM comes from here. It is anonymous, on huge
// pages where the kernel has some. Memory that another process can map, such as
// a memfd, would be a second kind that this function returns.
func Map(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	// A kernel without transparent huge pages refuses. The memory is then
	// slower, not wrong.
	_ = unix.Madvise(b, advice)
	return b, nil
}

// Unmap gives back what Map returned. Nothing may refer to it any more.
func Unmap(b []byte) error { return unix.Munmap(b) }
