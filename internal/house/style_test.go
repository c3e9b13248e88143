package house

import (
	"bytes"
	"go/format"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxLines is the largest number of lines of a file. A longer file should be two files.
const maxLines = 400

func TestFiles_AreFormatted(t *testing.T) {
	for _, f := range files(t) {
		want, err := format.Source(f.source)
		if err != nil {
			t.Errorf("%s: %v", f.path, err)
		} else if !bytes.Equal(f.source, want) {
			t.Errorf("%s is not formatted: run gofmt -w %s", f.path, f.path)
		}
	}
}

func TestFiles_AreShort(t *testing.T) {
	for _, f := range files(t) {
		if n := bytes.Count(f.source, []byte("\n")); n > maxLines && !f.generated {
			t.Errorf("%s has %d lines, want at most %d", f.path, n, maxLines)
		}
	}
}

func TestUnsafe_StaysInFilesThatSaySo(t *testing.T) {
	for _, f := range files(t) {
		if slices.Contains(f.imports, "unsafe") && !strings.Contains(filepath.Base(f.path), "_unsafe") && !f.generated {
			t.Errorf("%s imports unsafe: move that to a file named *_unsafe.go", f.path)
		}
	}
}

func TestPackages_SayWhatTheyAreFor(t *testing.T) {
	said := map[string]int{}
	for _, f := range files(t) {
		want := "Package " + f.syntax.Name.Name + " "
		if f.syntax.Name.Name == "main" {
			want = "Command "
		}
		said[f.dir()] += 0
		if strings.HasPrefix(f.syntax.Doc.Text(), want) {
			said[f.dir()]++
		}
	}
	for dir, n := range said {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want 1", dir, n)
		}
	}
}

// A field of a log line that is a duration has its unit in its name. zerolog's Dur writes
// milliseconds and does not say so.
func TestLogs_SayTheUnitOfADuration(t *testing.T) {
	for _, f := range files(t) {
		if !f.test && bytes.Contains(f.source, []byte(`.Dur("`)) {
			t.Errorf("%s logs a duration without its unit: write Float64(\"…-seconds\", d.Seconds())", f.path)
		}
	}
}
