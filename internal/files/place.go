package files

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Place is the place of a file that this program writes. It holds the directory open, so
// it means the same file even if the path changes its meaning or the program loses the
// right to follow the path. The kernel checks the rights on the directory itself at each
// use. The methods may be called by any goroutine.
type Place struct {
	root *os.Root
	path string
	name string // in the directory

	flush func(*os.File) error // waits until a file is on disk
}

// At opens the directory of path. The file need not exist.
func At(path string) (*Place, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	return &Place{root, path, filepath.Base(path), (*os.File).Sync}, nil
}

// Beside returns the place of another file in the same directory: its name has suffix
// appended. The caller closes both.
func (p *Place) Beside(suffix string) (*Place, error) {
	root, err := p.root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	return &Place{root, p.path + suffix, p.name + suffix, p.flush}, nil
}

// Path returns the path that At was called with.
func (p *Place) Path() string { return p.path }

// Directory returns the permissions of the directory and its owner, as User does.
func (p *Place) Directory() (mode fs.FileMode, owner string) {
	owner = "another user"
	info, err := os.Stat(filepath.Dir(p.path)) // a Root would need rights on the directory
	if err != nil {
		return 0, owner
	}
	if uid, known := ownerOf(info); known {
		owner = User(uid)
	}
	return info.Mode().Perm(), owner
}

// Close closes the directory.
func (p *Place) Close() error { return p.root.Close() }

// Open opens the file for reading. It refuses a file that somebody else could have
// written: one that belongs to neither this user nor root, or that others may write. It
// refuses a file that is not regular, symbolic links included. The error matches
// fs.ErrNotExist if there is no file.
func (p *Place) Open() (*os.File, error) {
	info, err := p.root.Lstat(p.name)
	if err != nil {
		return nil, p.named(err)
	}
	if err := checkRegular(info, p.path); err != nil {
		return nil, err
	}
	f, err := p.root.OpenFile(p.name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have become a FIFO
	if err != nil {
		return nil, p.named(err)
	}
	if info, err = regular(f, p.path); err == nil {
		err = p.trusted(info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// trusted returns an error if other users than this one and root may have written the file.
func (p *Place) trusted(info fs.FileInfo) error {
	if m := info.Mode().Perm(); m&0o022 != 0 {
		return fmt.Errorf("%s: other users may write this file (mode %04o): remove it", p.path, m)
	}
	if uid, known := ownerOf(info); known && uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("%s: the file belongs to %s, not to %s or root: remove it", p.path, User(uid), User(os.Geteuid()))
	}
	return nil
}

// Begins reports whether the file begins with magic, is empty, or consists of zero bytes
// only, as a file system may leave it after a power failure. It tells whether Replace may
// replace it. Without a file it returns true. The error matches ErrNotRegular if the
// file is not regular.
func (p *Place) Begins(magic string) (bool, error) {
	info, err := p.root.Lstat(p.name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err == nil {
		err = checkRegular(info, p.path)
	}
	if err != nil {
		return false, p.named(err)
	}
	f, err := p.root.OpenFile(p.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false, p.named(err)
	}
	defer f.Close()
	if _, err := regular(f, p.path); err != nil {
		return false, err
	}
	b := make([]byte, len(magic))
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	if string(b[:n]) == magic[:n] {
		return true, nil
	}
	return zeros(io.MultiReader(bytes.NewReader(b[:n]), f))
}

// zeros reports whether r has no other bytes than zeros.
func zeros(r io.Reader) (bool, error) {
	b := make([]byte, 64<<10)
	for {
		n, err := r.Read(b)
		if len(bytes.Trim(b[:n], "\x00")) > 0 {
			return false, nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return true, nil
			}
			return false, err
		}
	}
}

// Replace writes the file anew. Only its owner may read it. What was there is replaced when
// the new file is completely on disk; after an error it is still there. Replace returns the
// new file, open for writing at its end, which the caller closes. Only one call at a time
// may write a file: until then the new one has the name of the file with a dot before it and
// ".new" after it. What an earlier process left there is removed.
func (p *Place) Replace(write func(*os.File) error) (*os.File, error) {
	return p.replace(write, func() error { return nil })
}

// replace is Replace. It calls last when the new file is on disk. An error of last keeps the
// old file.
func (p *Place) replace(write func(*os.File) error, last func() error) (f *os.File, err error) {
	temporary := "." + p.name + ".new"
	if err := p.root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, p.named(err)
	}
	f, err = p.root.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, p.named(err)
	}
	if err = write(f); err == nil {
		err = p.flush(f)
	}
	if err == nil {
		err = last()
	}
	if err == nil {
		err = p.root.Rename(temporary, p.name)
	}
	if err != nil {
		return nil, errors.Join(p.named(err), p.remove(temporary, f), f.Close())
	}
	if err = p.sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Probe returns an error if Replace could not replace the file now.
func (p *Place) Probe() error {
	temporary := "." + p.name + "." + rand.Text()
	f, err := p.root.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return p.named(err)
	}
	return errors.Join(f.Close(), p.root.Remove(temporary))
}

// Remove removes the file if it is still f.
func (p *Place) Remove(f *os.File) error {
	if err := p.remove(p.name, f); err != nil {
		return p.named(err)
	}
	return p.sync()
}

// remove removes a file of the directory if it is still f.
func (p *Place) remove(name string, f *os.File) error {
	there, err := p.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	own, err2 := f.Stat()
	if err = errors.Join(err, err2); err != nil || !os.SameFile(there, own) {
		return err
	}
	return p.root.Remove(name)
}

// sync makes sure that the names in the directory survive a crash.
func (p *Place) sync() error {
	d, err := p.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// named returns err with the whole path of the file instead of its name in the directory.
func (p *Place) named(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: strings.TrimSuffix(e.Op, "at"), Path: p.path, Err: e.Err}
	}
	return err
}
