package state_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"director/control/state"
	"director/internal/files/filestest"
	"director/packet"
	"director/service"
)

// Check reports before the start what Write would report at the end.
func TestCheck_SaysWhatWriteWould(t *testing.T) {
	for name, c := range map[string]struct {
		put  func(path string) error
		want string // a part of the error; "": none
	}{
		"nothing":        {nil, ""},
		"an empty file":  {func(path string) error { return os.WriteFile(path, nil, 0o600) }, ""},
		"a damaged file": {func(path string) error { return os.WriteFile(path, []byte("DIRSTATE?"), 0o666) }, ""},
		"zero bytes":     {func(path string) error { return os.WriteFile(path, make([]byte, 200<<10), 0o600) }, ""},
		"zeros, then data": {func(path string) error {
			return os.WriteFile(path, append(make([]byte, 200<<10), "data"...), 0o600)
		}, "is not a state file of the director"},
		"another file":    {func(path string) error { return os.WriteFile(path, []byte("data of another program"), 0o600) }, "is not a state file of the director"},
		"a FIFO":          {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "it is a pipe"},
		"a directory":     {func(path string) error { return os.Mkdir(path, 0o700) }, "it is a directory"},
		"a symbolic link": {func(path string) error { return os.Symlink("/dev/null", path) }, "it is a symbolic link"},
	} {
		path := filepath.Join(t.TempDir(), "state")
		if c.put != nil {
			if err := c.put(path); err != nil {
				t.Fatal(err)
			}
		}
		before, _ := os.Lstat(path)
		_, write := state.Write(t.Context(), filestest.At(t, path), sample(), each(nil))
		if c.want != "" {
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("%s is not there any more: %v", name, err)
			}
		}
		both, err := state.OpenFiles(path)
		if err != nil {
			t.Fatal(err)
		}
		defer both.Close()
		check := both.Check()
		if _, cure, _ := strings.Cut(fmt.Sprint(check), c.want+": "); c.want != "" && !strings.HasPrefix(cure, "move it away") {
			t.Errorf("%s: %v, want what to do at the end", name, check)
		}
		for what, err := range map[string]error{"Check": check, "Write": write} {
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)) {
				t.Errorf("%s: %s: %v, want %q", name, what, err, c.want)
			}
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) > 1 {
			t.Errorf("%s: the directory has %v, want one file: %v", name, entries, err)
		}
	}
}

// A file that other users could have written is refused. A reader who opens a FIFO would
// wait for ever.
func TestOpen_RefusesWhatOthersCouldHaveWritten(t *testing.T) {
	for name, c := range map[string]struct {
		change func(path string) error
		want   string
	}{
		"its owner's":         {func(path string) error { return os.Chmod(path, 0o644) }, ""},
		"everybody's":         {func(path string) error { return os.Chmod(path, 0o666) }, "other users may write this file"},
		"its group's":         {func(path string) error { return os.Chmod(path, 0o620) }, "other users may write this file"},
		"another user's":      {func(path string) error { return os.Chown(path, 65534, 65534) }, "belongs to user 65534"},
		"a FIFO in its place": {func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) }, "it is a pipe"},
	} {
		path := write(t)
		if err := c.change(path); err != nil {
			t.Logf("%s: %v", name, err) // giving a file away needs root
			continue
		}
		f, err := state.Open(filestest.At(t, path), time.Now())
		if err == nil {
			f.Close()
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A director with more real servers than anybody has can save its state, and the next one
// can read it: the header has no limit. Blanks in place of names make the test fast.
func TestHeader_HasNoLimit(t *testing.T) {
	const much = 65 << 20
	path := write(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := int(binary.LittleEndian.Uint32(good[12:]))
	head := binary.LittleEndian.AppendUint32(slices.Clone(good[:12]), uint32(size+much))
	large := slices.Concat(head, good[16:16+size], bytes.Repeat([]byte(" "), much), good[16+size:])
	if err := os.WriteFile(path, reseal(large), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := state.Open(filestest.At(t, path), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Conns != len(connections()) {
		t.Errorf("%d connections, want %d", f.Conns, len(connections()))
	}

	h := state.Header{Servers: make([]state.Server, 310_000)}
	far := packet.Addr{Hi: 1<<64 - 1, Lo: 1<<64 - 1}
	for i := range h.Servers {
		h.Servers[i].Name = service.Name{Of: service.Key{Addr: far, Port: 65535, Proto: 255, Mark: 1<<32 - 1}, Addr: far, Port: 65535}
	}
	if n, err := state.Size(h); err != nil || n < 64<<20 {
		t.Errorf("the file has %d bytes, %v; want more than 64 MiB", n, err)
	}
}

// A file that was put in the place of the state file is not removed with it.
func TestDiscard_RemovesOnlyItself(t *testing.T) {
	path := write(t)
	f, err := state.Open(filestest.At(t, path), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("data of another program"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := f.Discard(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); string(text) != "data of another program" {
		t.Errorf("the other file: %q, %v", text, err)
	}
}
