//go:build linux

package arena_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"director/internal/arena"

	"golang.org/x/sys/unix"
)

func TestMap_GivesZeroedPages(t *testing.T) {
	page := uintptr(os.Getpagesize())
	for _, n := range []int{1, 4096, 1 << 20} {
		b, err := arena.Map(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != n {
			t.Errorf("%d bytes, want %d", len(b), n)
		}
		var at uintptr
		if _, err := fmt.Sscanf(fmt.Sprintf("%p", b), "0x%x", &at); err != nil {
			t.Fatal(err)
		}
		if at%page != 0 {
			t.Errorf("%d bytes lie at %#x, want the start of a page", n, at)
		}
		for i, v := range b {
			if v != 0 {
				t.Fatalf("byte %d of %d: got %d, want 0", i, n, v)
			}
		}
		b[n-1] = 1
		if err := arena.Unmap(b); err != nil {
			t.Error(err)
		}
	}
}

func TestMap_RefusesTheImpossible(t *testing.T) {
	if _, err := arena.Map(1 << 60); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("2^60 bytes: got %v, want ENOMEM", err)
	}
}

func TestUnmap_RefusesWhatMapDidNotReturn(t *testing.T) {
	if err := arena.Unmap(make([]byte, 100)); !errors.Is(err, unix.EINVAL) {
		t.Errorf("memory of the Go heap: got %v, want EINVAL", err)
	}
}
