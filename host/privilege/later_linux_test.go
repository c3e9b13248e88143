package privilege_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"director/host/privilege"
)

// Root may write into the directory of another user, but not with the capabilities of a
// running director. Afterwards it may again.
func TestLater_HasTheRightsOfARunningDirector(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := filepath.Join(t.TempDir(), "another's")
	if err := errors.Join(os.Mkdir(dir, 0o750), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	write := func(dir string) error { return os.WriteFile(filepath.Join(dir, "file"), nil, 0o600) }
	for range 3 { // on whichever thread
		if err := write(dir); err != nil {
			t.Fatalf("before: %v", err)
		}
		if err := privilege.Later(func() error { return write(dir) }); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("later: %v, want that it is not permitted", err)
		}
	}
	own := t.TempDir()
	if err := privilege.Later(func() error { return write(own) }); err != nil {
		t.Errorf("later, in a directory of its own: %v", err)
	}
}
