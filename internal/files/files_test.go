package files_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"director/internal/files"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Open takes what is a regular file in the end. Nothing makes it wait.
func TestOpen_TakesOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("file"), []byte("text"), 0o600))
	must(t, os.Symlink("file", at("link")))
	must(t, syscall.Mkfifo(at("pipe"), 0o600))
	must(t, os.Symlink("pipe", at("link to a pipe")))
	for path, want := range map[string]string{
		at("file"): "", at("link"): "",
		at("pipe"): "it is a pipe", at("link to a pipe"): "it is a pipe", dir: "it is a directory", "/dev/null": "it is a device",
	} {
		f, err := files.Open(path)
		if err == nil {
			text, err := io.ReadAll(f)
			if string(text) != "text" || err != nil {
				t.Errorf("%s: %q, %v", path, text, err)
			}
			f.Close()
		}
		if want == "" && err != nil || want != "" && (!errors.Is(err, files.ErrNotRegular) || !strings.Contains(err.Error(), path+": not a regular file: "+want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := files.Open(at("missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// A Place means the same directory, although its path is another's now.
func TestPlace_HoldsItsDirectory(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.Mkdir(first, 0o700))
	p, err := files.At(filepath.Join(first, "state"))
	must(t, err)
	defer p.Close()
	beside, err := p.Beside(".journal")
	must(t, err)
	defer beside.Close()
	must(t, os.Rename(first, second))
	must(t, os.Mkdir(first, 0o700))
	for _, each := range []*files.Place{p, beside} {
		must(t, each.Probe())
		f, err := each.Replace(func(f *os.File) error { _, err := f.WriteString("text"); return err })
		must(t, err)
		f.Close()
	}
	for dir, want := range map[string]int{first: 0, second: 2} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
			t.Errorf("%s has %v, %v, want %d files", dir, entries, err, want)
		}
	}
	if want := filepath.Join(first, "state.journal"); beside.Path() != want {
		t.Errorf("the path beside is %s, want %s", beside.Path(), want)
	}
	f, err := p.Open()
	must(t, err)
	defer f.Close()
	must(t, p.Remove(f))
	if _, err := p.Open(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), p.Path()) {
		t.Errorf("after it was removed: %v, want that there is no such file, with its path", err)
	}
	must(t, p.Remove(f)) // nothing to do
}

// After a failure the old file is there, and no other.
func TestReplace_IsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	p, err := files.At(filepath.Join(dir, "state"))
	must(t, err)
	defer p.Close()
	must(t, os.WriteFile(p.Path(), []byte("old"), 0o600))
	broken := errors.New("broken")
	if _, err := p.Replace(func(f *os.File) error { _, _ = f.WriteString("ne"); return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if text, err := os.ReadFile(p.Path()); string(text) != "old" {
		t.Errorf("the file: %q, %v", text, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestBegins_TellsWhoseFileItIs(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]bool{"": true, "MAG": true, "MAGIC": true, "MAGIC and more": true, "MAGNET": false, "x": false, "\x00": true, strings.Repeat("\x00", 100_000): true, strings.Repeat("\x00", 100_000) + "x": false} {
		p, err := files.At(filepath.Join(dir, "file"))
		must(t, err)
		must(t, os.WriteFile(p.Path(), []byte(text), 0o600))
		if ours, err := p.Begins("MAGIC"); ours != want || err != nil {
			t.Errorf("%q: %v, %v, want %v", text, ours, err, want)
		}
		must(t, p.Close())
	}
}
