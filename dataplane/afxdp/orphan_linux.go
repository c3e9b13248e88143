package afxdp

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// asavie/xdp never unmaps the rings that it mapped, and a mapping keeps its
// socket alive: the queue would stay busy, and the memory pinned, until the
// process ends. An orphan is a ring of a socket that has no descriptor left.

// fillOffset is where in a socket the fill ring is mapped. Of all sockets only
// those of AF_XDP have something there.
const fillOffset = unix.XDP_UMEM_PGOFF_FILL_RING

// extent is a range of our address space.
type extent struct{ start, end uintptr }

// unmapOrphans unmaps the rings of closed AF_XDP sockets. Precondition: opening
// is held.
func unmapOrphans() error {
	alive, err := openFiles()
	if err != nil {
		return fmt.Errorf("unmap closed AF_XDP rings: %w", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("unmap closed AF_XDP rings: %w", err)
	}
	for socket, extents := range ringMappings(string(maps)) {
		if alive[socket] {
			continue
		}
		for _, e := range extents {
			if _, _, errno := unix.Syscall(unix.SYS_MUNMAP, e.start, e.end-e.start, 0); errno != 0 {
				return fmt.Errorf("unmap closed AF_XDP rings: %w", errno)
			}
		}
	}
	return nil
}

// ringMappings finds in the text of /proc/self/maps what is mapped of each
// AF_XDP socket. Sockets go by their names there, "socket:[INODE]".
func ringMappings(maps string) map[string][]extent {
	sockets := make(map[string][]extent)
	xdp := make(map[string]bool)
	for line := range strings.Lines(maps) {
		// START-END PERMISSIONS OFFSET DEVICE INODE NAME
		fields := strings.Fields(line)
		if len(fields) != 6 || !strings.HasPrefix(fields[5], "socket:[") {
			continue
		}
		first, last, _ := strings.Cut(fields[0], "-")
		start, err1 := strconv.ParseUint(first, 16, 64)
		end, err2 := strconv.ParseUint(last, 16, 64)
		offset, err3 := strconv.ParseUint(fields[2], 16, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			continue
		}
		name := fields[5]
		sockets[name] = append(sockets[name], extent{uintptr(start), uintptr(end)})
		xdp[name] = xdp[name] || offset == fillOffset
	}
	for name := range sockets {
		if !xdp[name] {
			delete(sockets, name)
		}
	}
	return sockets
}

// openFiles is the set of what our descriptors refer to.
func openFiles() (map[string]bool, error) {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := make(map[string]bool, len(entries))
	for _, e := range entries {
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			files[target] = true
		}
	}
	return files, nil
}
