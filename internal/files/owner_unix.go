//go:build unix

package files

import (
	"io/fs"
	"syscall"
)

// ownerOf returns the user who owns a file. known is false if the system does not tell.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}
