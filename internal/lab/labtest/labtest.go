//go:build linux

// Package labtest builds labs for tests.
package labtest

import (
	"context"
	"os"
	"testing"

	"director/internal/lab"
)

// RequireRoot skips the test with a reason unless it runs as root.
func RequireRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes network namespaces")
	}
}

// New builds a lab. It is closed after the test and after the cleanups that the test adds
// later. Without root the test is skipped.
func New(t testing.TB, c lab.Config) *lab.Lab {
	t.Helper()
	RequireRoot(t)
	l, err := lab.New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	return l
}
