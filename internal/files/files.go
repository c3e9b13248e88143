// Package files opens files at paths that an operator gives. It reads only regular files,
// so a FIFO or a device at such a path is an error and does not block the program. A Place
// is a file that the program writes itself and trusts when it reads it again.
package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ErrNotRegular matches the error for a path at which there is no regular file.
var ErrNotRegular = errors.New("not a regular file")

// ErrInUse matches the error for a file that another process has locked.
var ErrInUse = errors.New("in use")

// Open opens the regular file at path for reading. It follows symbolic links. It does not
// block on a FIFO.
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // the flag has no effect on a regular file
	if err != nil {
		return nil, err
	}
	if _, err := regular(f, path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// regular returns information about f, or an error if f is not a regular file.
func regular(f *os.File, path string) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return info, checkRegular(info, path)
}

func checkRegular(info fs.FileInfo, path string) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w: it is %s", path, ErrNotRegular, kindOf(info.Mode()))
	}
	return nil
}

// User describes a user by number and, if it is known, by name.
func User(uid int) string {
	text := fmt.Sprintf("user %d", uid)
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		text += " (" + u.Username + ")"
	}
	return text
}

// kindOf returns the kind of a file that is not regular, in words.
func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
