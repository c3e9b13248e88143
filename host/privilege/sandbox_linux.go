package privilege

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Sandbox reports what confines the process.
type Sandbox struct {
	Seccomp  bool
	Landlock int // the version of Landlock's interface in use; 0: none
}

// Confine restricts all threads of the process, and those that start later, for good: to
// the system calls of a running director, and to writing files in the directories of
// writable. Reading stays possible, because a reload reads flags files. The process can
// start no other program and can listen on no other TCP port. Seal must have been called.
//
// Where the kernel lacks one of the two means, Confine uses the other and returns an error
// that says so. A directory of writable that cannot be opened stays read-only, and the error
// names it; the rest is confined as usual.
func Confine(writable []string) (s Sandbox, err error) {
	var errs []error
	if s.Landlock, err = restrictFiles(writable); err != nil {
		errs = append(errs, fmt.Errorf("restrict files by Landlock: %w", err))
	}
	if err := filterCalls(); err != nil {
		errs = append(errs, fmt.Errorf("seccomp: %w", err))
	} else {
		s.Seccomp = true
	}
	return s, errors.Join(errs...)
}

// Offered returns what Confine can use on this kernel.
func Offered() (s Sandbox) {
	s.Seccomp = canFilter()
	s.Landlock = max(0, landlockVersion())
	return s
}

// Landlock's rights to files (linux/landlock.h). All of them are denied, except for those
// that a rule allows.
const (
	readFiles  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	writeFiles = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
	firstFiles = unix.LANDLOCK_ACCESS_FS_TRUNCATE<<1 - 1 // what version 3 knows, which Linux 6.6 has
)

// restrictFiles lets the process read all files and write below some directories. It
// returns the version of Landlock.
func restrictFiles(writable []string) (int, error) {
	version := landlockVersion()
	if version < 3 {
		return 0, errors.New("this kernel does not have it, or does not use it: lsm= on the kernel's command line lists it where it is used")
	}
	denied := unix.LandlockRulesetAttr{Handled_access_fs: firstFiles}
	if version >= 4 {
		denied.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP
	}
	rules, err := createRuleset(&denied)
	if err != nil {
		return 0, err
	}
	defer unix.Close(rules)
	if err := allow(rules, "/", readFiles); err != nil {
		return 0, err
	}
	var skipped []error
	for _, dir := range writable {
		if err := allow(rules, dir, readFiles|writeFiles); err != nil {
			skipped = append(skipped, fmt.Errorf("the director cannot write in %s any more: %w", dir, err))
		}
	}
	if err := restrictThreads(rules); err != nil {
		return 0, err
	}
	return version, errors.Join(skipped...)
}

// allow adds rights to what is beneath a directory.
func allow(rules int, dir string, rights uint64) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	defer unix.Close(fd)
	if err := addRule(rules, &unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}); err != nil {
		return fmt.Errorf("allow %s: %w", dir, err)
	}
	return nil
}
