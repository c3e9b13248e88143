package journal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/control/journal"
	"director/internal/files/filestest"
	"director/packet"
	"director/service"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// web is a service with a server of a weight.
func web(port uint16, weight int32) *service.Spec {
	vip := packet.MustAddr("192.0.2.10")
	return &service.Spec{
		Key: service.Key{Addr: vip, Port: port, Proto: packet.ProtoTCP}, Scheduler: "mh", Persistent: 300, HostMask: 0xff,
		Servers: []service.ServerSpec{{Addr: packet.MustAddr("10.0.0.11"), Port: 8080, Weight: weight, Upper: 7,
			Method: service.TUN, Tunnel: packet.Tunnel{Encap: packet.GUE, Port: 6080}}},
	}
}

// edited says that the weight of a service's server was changed from 1.
func edited(port uint16, weight int32) control.ServiceDrift {
	w := web(port, 1)
	return control.ServiceDrift{Key: w.Key, Loaded: w, Running: web(port, weight)}
}

func services(all ...control.ServiceDrift) control.Drift { return control.Drift{Services: all} }

// sample is a drift with something in every field.
func sample() control.Drift {
	d := services(edited(80, 0), control.ServiceDrift{Key: web(81, 1).Key, Running: web(81, 1)})
	d.Timeouts = &control.TimeoutDrift{Loaded: service.Timeouts{TCP: 900}, Running: service.Timeouts{TCP: 60}}
	d.Sysctls = map[string]control.Value{"drop_entry": {Loaded: "0", Running: "3"}}
	return d
}

func find(t *testing.T, path string) journal.Found {
	t.Helper()
	found, err := journal.Read(filestest.At(t, path))
	must(t, err)
	return found
}

// The next director finds what the last change of each service left.
func TestJournal_IsReadByTheNextDirector(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.journal")
	if found := find(t, path); !found.Empty() || found.Crashed != nil {
		t.Errorf("without a file: %+v", found)
	}
	j := journal.New(filestest.At(t, path))
	must(t, j.Replace(sample()))
	must(t, j.Append(services(edited(82, 5))))
	must(t, j.Append(services(edited(80, 7), control.ServiceDrift{Key: web(81, 1).Key})))
	must(t, j.Append(control.Drift{Sysctls: map[string]control.Value{"drop_entry": {Loaded: "0", Running: "0"}}}))
	found := find(t, path)
	want := services(edited(80, 7), edited(82, 5))
	want.Timeouts = sample().Timeouts
	if diff := cmp.Diff(want, found.Drift, cmp.Comparer(sameMap)); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
	if found.Crashed == nil || found.Crashed.PID != os.Getpid() || found.Damaged != "" {
		t.Errorf("before the end: %+v, want that this process has not ended", found)
	}
	must(t, j.Close())
	if found := find(t, path); found.Crashed != nil || len(found.Services) != 2 {
		t.Errorf("after the end: %+v, want no crash and the same changes", found)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

// sameMap compares sysctls. No map is an empty one.
func sameMap(a, b map[string]control.Value) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if b[name] != v {
			return false
		}
	}
	return true
}

// A director that could not start leaves the journal as it was.
func TestClose_LeavesAnotherDirectorsJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.journal")
	first := journal.New(filestest.At(t, path))
	must(t, first.Replace(sample()))
	must(t, journal.New(filestest.At(t, path)).Close())
	if found := find(t, path); found.Crashed == nil || len(found.Services) != 2 {
		t.Errorf("got %+v, want the crash and the changes of the first director", found)
	}
}

// Wherever the machine fails while a change is written, the changes before it are found.
func TestRead_IgnoresAnIncompleteChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.journal")
	j := journal.New(filestest.At(t, path))
	must(t, j.Replace(sample()))
	before, err := os.ReadFile(path)
	must(t, err)
	must(t, j.Append(services(edited(80, 9))))
	after, err := os.ReadFile(path)
	must(t, err)
	for n := len(before); n <= len(after); n++ {
		must(t, os.WriteFile(path, after[:n], 0o600))
		found := find(t, path)
		whole := n == len(before) || n == len(after)
		if (found.Damaged == "") != whole {
			t.Fatalf("%d bytes of %d: damaged: %q", n, len(after), found.Damaged)
		}
		want := int32(0)
		if n == len(after) {
			want = 9
		}
		if got := found.Services[0].Running.Servers[0].Weight; got != want || found.Crashed == nil {
			t.Fatalf("%d bytes of %d: weight %d, want %d; %+v", n, len(after), got, want, found)
		}
	}
	for n := range before { // what Replace writes at once is whole, or the file is damaged
		must(t, os.WriteFile(path, before[:n], 0o600))
		if found, err := journal.Read(filestest.At(t, path)); err == nil && found.Damaged == "" {
			t.Fatalf("the first %d bytes of %d are taken for a whole journal: %+v", n, len(before), found)
		}
	}
	after[len(before)+20] ^= 1
	must(t, os.WriteFile(path, after, 0o600))
	if found := find(t, path); !strings.Contains(found.Damaged, "line 4") {
		t.Errorf("a bit changed: %+v", found)
	}
}

// What is not a journal is neither used nor replaced.
func TestJournal_IsNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		put         func(path string) error
		read, write string // parts of the errors
	}{
		"another file": {func(path string) error { return os.WriteFile(path, []byte("data of another program"), 0o600) }, "this director reads", "is not a journal"},
		"a FIFO":       {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "it is a pipe", "it is a pipe"},
		"a journal of another version": {func(path string) error { return os.WriteFile(path, []byte("DIRJOURNAL 9\n"), 0o600) },
			"this director reads", ""},
		"one that others may write": {func(path string) error {
			return os.WriteFile(path, []byte("DIRJOURNAL 1\n"), 0o600)
		}, "other users may write", ""},
		"an empty file":    {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "is damaged: the file is empty", ""},
		"zero bytes":       {func(path string) error { return os.WriteFile(path, make([]byte, 8192), 0o600) }, "is damaged: the file consists of 8192 zero bytes", ""},
		"a part of a head": {func(path string) error { return os.WriteFile(path, []byte("DIRJ"), 0o600) }, "this director reads", ""},
		"zeros, then data": {func(path string) error {
			return os.WriteFile(path, append(make([]byte, 8192), "data"...), 0o600)
		}, "this director reads", "is not a journal"},
	} {
		path := filepath.Join(t.TempDir(), "state.journal")
		must(t, c.put(path))
		if name == "one that others may write" {
			must(t, os.Chmod(path, 0o666))
		}
		_, read := journal.Read(filestest.At(t, path))
		j := journal.New(filestest.At(t, path))
		write := j.Replace(sample())
		for what, e := range map[string]struct {
			err  error
			want string
		}{"Read": {read, c.read}, "Replace": {write, c.write}} {
			if e.want == "" && e.err != nil || e.want != "" && (e.err == nil || !strings.Contains(e.err.Error(), e.want)) {
				t.Errorf("%s: %s: %v, want %q", name, what, e.err, e.want)
			}
		}
		must(t, j.Close())
	}
}

// BenchmarkAppend writes one change to disk.
func BenchmarkAppend(b *testing.B) {
	j := journal.New(filestest.At(b, filepath.Join(b.TempDir(), "state.journal")))
	if err := j.Replace(control.Drift{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := j.Append(services(edited(80, 2))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads a journal as large as it gets with ten thousand changed services.
func BenchmarkRead(b *testing.B) {
	const changed, lines = 10_000, 24_000
	path := filepath.Join(b.TempDir(), "state.journal")
	all := make([]control.ServiceDrift, changed)
	for n := range all {
		all[n] = edited(uint16(1+n), 2)
	}
	j := journal.New(filestest.At(b, path))
	if err := j.Replace(services(all...)); err != nil {
		b.Fatal(err)
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	single := filepath.Join(b.TempDir(), "state.journal")
	j = journal.New(filestest.At(b, single))
	if err := errors.Join(j.Replace(control.Drift{}), j.Append(services(edited(80, 0))), j.Close()); err != nil {
		b.Fatal(err)
	}
	more, err := os.ReadFile(single)
	if err != nil {
		b.Fatal(err)
	}
	line := append(bytes.Split(more, []byte("\n"))[3], '\n')
	if err := os.WriteFile(path, append(text, bytes.Repeat(line, lines)...), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		found, err := journal.Read(filestest.At(b, path))
		if err != nil || len(found.Services) != changed || found.Services[79].Running.Servers[0].Weight != 0 {
			b.Fatalf("%d services, %v", len(found.Services), err)
		}
	}
}
