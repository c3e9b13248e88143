package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// lockSuffix is appended to the name of a file for that of its lock file.
const lockSuffix = ".lock"

// Lock keeps other processes off the file at p until the returned file is closed or the
// process ends, however it ends. The lock is on an empty file beside it, because Replace
// and Remove give the name to another file. The lock file stays. The error matches ErrInUse
// if another process has the lock.
func (p *Place) Lock() (*os.File, error) {
	beside, err := p.Beside(lockSuffix)
	if err != nil {
		return nil, err
	}
	defer beside.Close()
	f, err := beside.openLock()
	if err != nil {
		return nil, beside.named(err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = p.inUse(holder(f))
	} else if err != nil {
		err = fmt.Errorf("lock %s: %w", beside.path, err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// LockBriefly is like Lock, but the lock file does not stay: unlock removes it.
func (p *Place) LockBriefly() (unlock func() error, err error) {
	lock, err := p.Lock()
	if err != nil {
		return nil, err
	}
	beside, err := p.Beside(lockSuffix)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	// Another process may have removed the file after this one had opened it. Then the
	// lock says nothing, because a third process may lock the next file.
	own, err := lock.Stat()
	if err == nil {
		if now, gone := beside.root.Lstat(beside.name); gone != nil || !os.SameFile(own, now) {
			err = p.inUse("")
		}
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close(), beside.Close())
	}
	return func() error {
		return errors.Join(beside.root.Remove(beside.name), lock.Close(), beside.Close())
	}, nil
}

// openLock opens the file at p, which is a lock file, and creates it if necessary.
func (p *Place) openLock() (*os.File, error) {
	if info, err := p.root.Lstat(p.name); err == nil {
		if err := checkRegular(info, p.path); err != nil {
			return nil, err
		}
	}
	f, err := p.root.OpenFile(p.name, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK, 0o644)
	if errors.Is(err, fs.ErrPermission) {
		// Another user has created it. The right to read it suffices, except on NFS.
		if other, failed := p.root.OpenFile(p.name, os.O_RDONLY|unix.O_NONBLOCK, 0); failed == nil {
			f, err = other, nil
		}
	} else if err == nil {
		_ = f.Chmod(0o644) // whatever the umask is; if it is another's, that one has done it
	}
	if err != nil {
		return nil, err
	}
	if _, err := regular(f, p.path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Locked returns the error that Lock would return because another process has the lock. It
// does not take the lock.
func (p *Place) Locked() error {
	beside, err := p.Beside(lockSuffix)
	if err != nil {
		return err
	}
	defer beside.Close()
	f, err := beside.root.OpenFile(beside.name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // nobody has locked it, or this user cannot tell
	}
	defer f.Close()
	if pid := holder(f); pid != "" {
		return p.inUse(pid)
	}
	return nil
}

// holder returns the number of the process that has locked f, "" if the kernel does not
// tell one. A line of /proc/locks is
//
//	1: FLOCK  ADVISORY  WRITE 4711 fe:01:131083 0 EOF
//
// with the numbers of the process, the device in hexadecimal, and the file.
func holder(f *os.File) (pid string) {
	var s unix.Stat_t
	text, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(int(f.Fd()), &s) != nil {
		return ""
	}
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(s.Dev), unix.Minor(s.Dev), s.Ino)
	for line := range strings.Lines(string(text)) {
		if w := strings.Fields(line); len(w) > 5 && w[1] == "FLOCK" && w[5] == file {
			return w[4]
		}
	}
	return ""
}

// inUse returns the error for a file that a process has locked. pid is "" if it is unknown.
func (p *Place) inUse(pid string) error {
	by := "another process"
	if pid != "" && pid != "0" && pid != "-1" { // of another pid namespace
		by = "process " + pid
	}
	return fmt.Errorf("%s is %w by %s, which has locked %s", p.path, ErrInUse, by, p.path+lockSuffix)
}
