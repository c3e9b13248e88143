package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"director/control/journal"
	"director/internal/files"
)

// journalSuffix is appended to the name of the state file.
const journalSuffix = ".journal"

// Files are the files of --state: the state file, and beside it the journal and the lock.
type Files struct {
	State, Journal *files.Place
}

// OpenFiles opens the directory of the state file at path.
func OpenFiles(path string) (*Files, error) {
	state, err := files.At(path)
	if err != nil {
		return nil, fmt.Errorf("%w: create the directory, or give --state in another one", err)
	}
	j, err := state.Beside(journalSuffix)
	if err != nil {
		return nil, errors.Join(err, state.Close())
	}
	return &Files{state, j}, nil
}

// Close closes the directory.
func (f *Files) Close() error { return errors.Join(f.State.Close(), f.Journal.Close()) }

// Check returns an error if the files could not be written now, because the directory does
// not allow it or because other files are there. The error ends with a colon and what to do.
func (f *Files) Check() error {
	err := own(f.State)
	if err == nil {
		err = journal.Check(f.Journal)
	}
	if err == nil {
		if err = f.State.Probe(); err != nil && !errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: give --state in a directory where files can be written", err)
		}
	}
	switch {
	case errors.Is(err, files.ErrNotRegular):
		return fmt.Errorf("%w: move it away, or give another --state", err)
	case errors.Is(err, fs.ErrPermission) && f.State.Probe() == nil: // the directory allows it
		return fmt.Errorf("%w: it belongs to another user: move it away, or give another --state", err)
	case errors.Is(err, fs.ErrPermission):
		return f.denied(err)
	}
	return err
}

// denied adds to an error which directory does not allow it, why, and what to do.
func (f *Files) denied(err error) error {
	dir, me := filepath.Dir(f.State.Path()), files.User(os.Geteuid())
	mode, owner := f.State.Directory()
	why := fmt.Sprintf("the directory %s belongs to %s and has mode %04o", dir, owner, mode)
	if os.Geteuid() == 0 {
		why += ", and a director that forwards may not write there although it runs as root (it drops CAP_DAC_OVERRIDE)"
	}
	return fmt.Errorf("%w: %s: give --state in a directory of %s, or change the owner by chown %d %s", err, why, me, os.Geteuid(), dir)
}
