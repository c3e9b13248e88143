package files_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"director/internal/files"
)

// errLate is the cause of a context that ends.
var errLate = errors.New("too late")

// inDir returns the place of a file "state" with the content "old".
func inDir(t *testing.T) *files.Place {
	t.Helper()
	p, err := files.At(filepath.Join(t.TempDir(), "state"))
	must(t, err)
	t.Cleanup(func() { p.Close() })
	must(t, os.WriteFile(p.Path(), []byte("old"), 0o600))
	return p
}

// wantFile checks the content of a file and that nothing else lies beside it.
func wantFile(t *testing.T, p *files.Place, want string) {
	t.Helper()
	if text, err := os.ReadFile(p.Path()); string(text) != want {
		t.Errorf("the file has %d bytes, %v, want %d", len(text), err, len(want))
	}
	if entries, err := os.ReadDir(filepath.Dir(p.Path())); err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, %v, want the file alone", entries, err)
	}
}

func allowed() error { return nil }

// pieces writes the same short text many times, from one buffer.
func pieces(n int) (write func(io.Writer) error, want string) {
	return func(w io.Writer) error {
		var b [3]byte
		for i := range n {
			copy(b[:], []string{"abc", "def"}[i%2])
			if _, err := w.Write(b[:]); err != nil {
				return err
			}
		}
		return nil
	}, strings.Repeat("abcdef", n/2)
}

func TestReplaceUntil_WritesAll(t *testing.T) {
	p := inDir(t)
	write, want := pieces(10_000)
	must(t, p.ReplaceUntil(t.Context(), allowed, write))
	wantFile(t, p, want)
}

// After an error of the writer or of the disk the old file is there, and no other. The
// error is the first one.
func TestReplaceUntil_IsAllOrNothing(t *testing.T) {
	broken := errors.New("broken")
	write, _ := pieces(10)
	for what, c := range map[string]struct {
		check func() error
		write func(io.Writer) error
		flush func(*os.File) error
	}{
		"the check":  {func() error { return broken }, write, (*os.File).Sync},
		"the writer": {allowed, func(w io.Writer) error { return errors.Join(write(w), broken) }, (*os.File).Sync},
		"the disk":   {allowed, write, func(*os.File) error { return broken }},
		"the time": {allowed, func(w io.Writer) error {
			for { // until nobody takes it any more
				if err := write(w); err != nil {
					return err
				}
			}
		}, (*os.File).Sync},
	} {
		p := inDir(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		want := broken
		if what == "the time" {
			cancel(errLate)
			want = errLate
		}
		p.SetFlush(c.flush)
		if err := p.ReplaceUntil(ctx, c.check, c.write); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if text, err := os.ReadFile(p.Path()); string(text) != "old" {
			t.Errorf("%s: the file has %q, %v", what, text, err)
		}
	}
}

// A disk that hangs holds up neither the writer nor the caller. When it goes on, the old
// file stays, and the new file of another process in its place is not touched.
func TestReplaceUntil_DoesNotWaitForADiskThatHangs(t *testing.T) {
	p := inDir(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	hangs, on := make(chan struct{}), make(chan struct{})
	p.SetFlush(func(f *os.File) error {
		close(hangs)
		<-on
		return f.Sync()
	})
	write, _ := pieces(10)
	returned := make(chan error)
	go func() { returned <- p.ReplaceUntil(ctx, allowed, write) }()
	<-hangs
	cancel(errLate)
	if err := <-returned; !errors.Is(err, errLate) {
		t.Errorf("returned %v, want %v", err, errLate)
	}
	p.SetFlush((*os.File).Sync)
	other, err := files.At(p.Path()) // of another process
	must(t, err)
	defer other.Close()
	write, want := pieces(20)
	must(t, other.ReplaceUntil(t.Context(), allowed, write))
	close(on)
	wantFile(t, other, want)
}
