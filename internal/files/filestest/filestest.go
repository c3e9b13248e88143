// Package filestest opens places of files for tests.
package filestest

import (
	"testing"

	"director/internal/files"
)

// At returns the place of the file at path until the test ends.
func At(t testing.TB, path string) *files.Place {
	t.Helper()
	p, err := files.At(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}
