package state

import (
	"errors"
	"fmt"
	"os"

	"director/internal/files"
)

// Lock keeps other directors off the files, until the returned file is closed or the process
// ends. Each of two directors would read what the other one has written, and replace it. The
// error matches files.ErrInUse if another one has the lock.
func (f *Files) Lock() (*os.File, error) {
	lock, err := f.State.Lock()
	return lock, cure(err)
}

// Locked returns the error that Lock would return because another director has the lock.
func (f *Files) Locked() error { return cure(f.State.Locked()) }

// cure adds to an error of a lock what to do.
func cure(err error) error {
	if errors.Is(err, files.ErrInUse) {
		return fmt.Errorf("%w: give each director a --state of its own, or stop that one", err)
	}
	return err
}
