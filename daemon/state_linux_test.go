package daemon

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"director/conntrack"
	"director/control/state"
	"director/dataplane"
	"director/host"
	"director/packet"
	"director/service"
)

// none holds no connections.
func none(func(*conntrack.Record, *dataplane.Dialogue) bool) {}

// savedFile is the file of a director that had no connections.
func savedFile(t *testing.T, base, running []service.Spec) *state.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state")
	if _, err := state.Write(path, state.Header{Base: base, Running: running}, none); err != nil {
		t.Fatal(err)
	}
	f, err := state.Open(path, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
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
			if _, err := state.Write(path, state.Header{}, none); err != nil {
				t.Fatal(err)
			}
			return path
		}, true, "", ""},
		{"damaged", func(t *testing.T, path string) string {
			if err := os.WriteFile(path, []byte("what somebody else wrote"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, false, "saved state refused: starting without connections", ""},
		{"a folder that is not there", func(_ *testing.T, path string) string { return path + "/below/it" }, false, "", "--state "},
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
	withState := func(d *Daemon) { d.config.State = path }
	limited := strings.Replace(website, "-m", "-m -x 3 -y 1", 1)
	first := newRig(t, limited+nameserver, withState)
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
	if n, err := first.save(); err != nil || n != 3 {
		t.Fatalf("saved %d, %v; want 3", n, err)
	}

	second := newRig(t, limited+"--reload-runtime=drop\n", withState, func(d *Daemon) {
		if err := d.recall(); err != nil {
			t.Fatal(err)
		}
	})
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
