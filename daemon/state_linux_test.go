package daemon

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"director/conntrack"
	"director/control/state"
	"director/dataplane"
	"director/host"
	"director/internal/files"
	"director/internal/files/filestest"
	"director/packet"
)

// none holds no connections.
func none(func(*conntrack.Record, *dataplane.Dialogue) bool) {}

// withState gives a daemon a state file, and has it look for that of an earlier one.
func withState(t *testing.T, path string) func(*Daemon) {
	return func(d *Daemon) {
		d.config.State = path
		if err := d.recall(); err != nil {
			t.Fatal(err)
		}
	}
}

// crash frees the files of --state, as the end of the process would. The rest of the rig can
// still be used.
func (r *rig) crash() {
	r.t.Helper()
	r.undo = slices.DeleteFunc(r.undo, func(u release) bool {
		if u.what != "unlock the state" {
			return false
		}
		if err := u.do(); err != nil {
			r.t.Fatal(err)
		}
		return true
	})
}

func TestRecall_UsesOnlyWhatIsWhole(t *testing.T) {
	for _, c := range []struct {
		what    string
		prepare func(t *testing.T, path string) string // returns --state
		used    bool
		logged  string
		usage   string
	}{
		{"no --state", func(*testing.T, string) string { return "" }, false, "", ""},
		{"nothing saved", func(_ *testing.T, path string) string { return path }, false, "no saved state: starting without connections", ""},
		{"saved", func(t *testing.T, path string) string {
			if _, err := state.Write(t.Context(), filestest.At(t, path), state.Header{}, none); err != nil {
				t.Fatal(err)
			}
			return path
		}, true, "", ""},
		{"damaged", func(t *testing.T, path string) string {
			if err := os.WriteFile(path, []byte("DIRSTATE and no more"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, false, "saved state refused: starting without connections", ""},
		{"that others may write", func(t *testing.T, path string) string {
			if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666)); err != nil {
				t.Fatal(err)
			}
			return path
		}, false, "other users may write this file (mode 0666): remove it\",\"message\":\"saved state refused: starting without connections", ""},
		{"a folder that is not there", func(_ *testing.T, path string) string { return path + "/below/it" }, false, "", "--state="},
		{"another file in its place", func(t *testing.T, path string) string {
			if err := os.WriteFile(path, []byte("data of another program"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, false, "", "is not a state file of the director: move it away"},
		{"a FIFO in its place", func(t *testing.T, path string) string {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, false, "", "not a regular file: it is a pipe"},
		{"a FIFO in place of the journal", func(t *testing.T, path string) string {
			if err := syscall.Mkfifo(path+".journal", 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, false, "", "state.journal: not a regular file: it is a pipe"},
		{"a directory that only another user may write to", func(t *testing.T, path string) string {
			return anothers(t, filepath.Dir(path))
		}, false, "", "and has mode 0750, and a director that forwards may not write there although it runs as root (it drops CAP_DAC_OVERRIDE): give --state in a directory of user 0 (root)"},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := newRig(t, website, func(d *Daemon) { d.config.State = c.prepare(t, filepath.Join(t.TempDir(), "state")) })
			r.logged.take()
			err := r.recall()
			if c.usage == "" && err != nil || c.usage != "" && (!errors.Is(err, host.ErrUsage) || !strings.Contains(err.Error(), c.usage)) {
				t.Errorf("error %v, want %q", err, c.usage)
			}
			if (r.saved != nil) != c.used {
				t.Errorf("used: %v, want %v", r.saved != nil, c.used)
			}
			if log := r.logged.take(); (log == "") != (c.logged == "") || !strings.Contains(log, c.logged) {
				t.Errorf("logged %q, want %q", log, c.logged)
			}
		})
	}
}

// The workers' clock continues from the time at which the clock of the previous director
// stopped, in ticks.
func TestClock_GoesOnAfterARestart(t *testing.T) {
	const stopped = 12_345_678_901_234
	d := &Daemon{saved: &state.File{Header: state.Header{Clock: stopped}}}
	now := d.clock()()
	if now%clockTick != 0 || now < stopped-clockTick || now > stopped+int64(time.Minute) {
		t.Errorf("the clock goes on at %d, want a tick soon after %d", now, int64(stopped))
	}
	d.saved = nil
	if now := d.clock()(); now < 0 || now > int64(time.Minute) {
		t.Errorf("without a previous director the clock starts at %d, want 0", now)
	}
}

// anothers returns a path in a directory that belongs to another user, which only root can
// make.
func anothers(t *testing.T, in string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := filepath.Join(in, "another's")
	if err := errors.Join(os.Mkdir(dir, 0o750), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "state")
}

// Two directors do not share a state file. It is free as soon as the first one has ended.
func TestRecall_RefusesTheStateOfAnotherDirector(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	first := newRig(t, website, withState(t, path))
	second := newRig(t, website)
	second.config.State = path
	err := second.recall()
	if !errors.Is(err, files.ErrInUse) || errors.Is(err, host.ErrUsage) || !strings.Contains(err.Error(), "give each director a --state of its own, or stop that one") {
		t.Errorf("recall: %v, want that the file is in use, as no error of usage", err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := second.recall(); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

func TestForget_DoesItOnce(t *testing.T) {
	times := 0
	d := &Daemon{saved: &state.File{}}
	do := func() error { times++; return nil }
	for range 2 {
		if err := d.forget(do)(); err != nil {
			t.Fatal(err)
		}
	}
	if times != 1 || d.saved != nil {
		t.Errorf("done %d times, file %v", times, d.saved)
	}
}

// A second director continues the connections of the first, except those whose server was
// removed. A server that was overloaded is still overloaded.
func TestSave_AndResumeCarryConnectionsOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	limited := strings.Replace(website, "-m", "-m -x 3 -y 1", 1)
	first := newRig(t, limited+nameserver, withState(t, path))
	first.receive(0, frame(packet.ProtoTCP, 1024, 80), frame(packet.ProtoTCP, 1025, 80))
	first.receive(1, frame(packet.ProtoUDP, 1026, 53))
	if n := len(first.control.Connections()); n != 3 {
		t.Fatalf("%d connections, want 3", n)
	}
	for _, s := range first.shared.View().Services.Servers() {
		if s != nil && s.Port == 80 {
			s.Overload()
		}
	}
	first.stopBegan = time.Now()
	if n, err := first.save(); err != nil || n != 3 {
		t.Fatalf("saved %d, %v; want 3", n, err)
	}

	first.crash()
	second := newRig(t, limited+"--reload-runtime=drop\n", withState(t, path))
	second.logged.take()
	if err := second.resume(); err != nil {
		t.Fatal(err)
	}
	var ports []uint16
	for _, c := range second.control.Connections() {
		ports = append(ports, c.Client.Port())
	}
	slices.Sort(ports)
	if !slices.Equal(ports, []uint16{1024, 1025}) {
		t.Errorf("clients' ports %v, want 1024 and 1025", ports)
	}
	if log := second.logged.take(); !strings.Contains(log, `"level":"warn","connections":2,"left-out-without-server":1,"left-out-without-room":0`) {
		t.Errorf("logged %s", log)
	}
	overloaded := maps.Collect(func(yield func(uint16, bool) bool) {
		for _, s := range second.shared.View().Services.Servers() {
			if s != nil && !yield(s.Port, s.Load.Overloaded.Load()) {
				return
			}
		}
	})
	if !overloaded[80] {
		t.Errorf("overloaded, by port: %v, want 80", overloaded)
	}
}

// A service manager starts the director again when the disk is full, but not when the flags
// are wrong.
func TestRefusal_IsOfTheFlagsUnlessTheDiskIsAtFault(t *testing.T) {
	for err, flags := range map[error]bool{
		syscall.ENOSPC: false, syscall.EDQUOT: false, syscall.EROFS: false, syscall.EIO: false,
		syscall.EACCES: true, syscall.ENOENT: true, errors.New("it is a FIFO"): true,
	} {
		if got := refusal("/var/lib/state", &os.PathError{Op: "open", Path: "state", Err: err}); errors.Is(got, host.ErrUsage) != flags {
			t.Errorf("%v: an error of the flags: %v, want %v", err, !flags, flags)
		}
	}
}
