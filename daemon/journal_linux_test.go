package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/control/config"
	"director/packet"
	"director/service"
)

// server returns a real server's specification by its rule.
func server(t *testing.T, rule string) service.ServerSpec {
	t.Helper()
	return parse(t, "-A -t 192.0.2.10:80 -s rr\n"+rule+"\n").Services[0].Servers[0]
}

var webKey = service.Key{Addr: packet.MustAddr("192.0.2.10"), Port: 80, Proto: packet.ProtoTCP}

// What was changed at run time runs in the next director too, however the first one ended.
func TestJournal_KeepsRunTimeChanges(t *testing.T) {
	drained := strings.Replace(website, "-m", "-m -w 0", 1)
	for _, c := range []struct {
		what   string
		change func(*testing.T, *control.Control) error
		next   string // the configuration of the next director; "": website and nameserver
		want   string // its rules, flags included
	}{
		{"a drain", func(t *testing.T, c *control.Control) error {
			return c.EditServer(webKey, server(t, "-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 0"))
		}, "", drained + nameserver},
		{"a drain that is over", func(t *testing.T, c *control.Control) error {
			return errors.Join(c.EditServer(webKey, server(t, "-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 0")),
				c.EditServer(webKey, server(t, "-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m")))
		}, "", website + nameserver},
		{"a service removed", func(_ *testing.T, c *control.Control) error { return c.DeleteService(webKey) }, "", nameserver},
		{"a service removed and added again", func(t *testing.T, c *control.Control) error {
			return errors.Join(c.DeleteService(webKey), c.Add(parse(t, website).Services))
		}, "", website + nameserver},
		{"a service added", func(t *testing.T, c *control.Control) error {
			return c.Add(parse(t, strings.ReplaceAll(website, ".10:", ".11:")).Services)
		}, "", website + nameserver + strings.ReplaceAll(website, ".10:", ".11:")},
		{"all removed", func(_ *testing.T, c *control.Control) error { return c.Clear() }, "", ""},
		{"time-outs", func(_ *testing.T, c *control.Control) error { return c.SetTimeouts(service.Timeouts{TCP: 77}) },
			"", website + nameserver + "--timeouts=77,0,0\n"},
		{"a sysctl", func(_ *testing.T, c *control.Control) error { return c.SetSysctl("drop_entry", "3") },
			"", website + nameserver + "--drop-entry=3\n"},
		{"a drain, and a file that changes the rest", func(t *testing.T, c *control.Control) error {
			return c.EditServer(webKey, server(t, "-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 0"))
		}, strings.Replace(website, "rr", "wlc", 1) + "--timeouts=5,0,0\n", strings.Replace(drained, "rr", "wlc", 1) + "--timeouts=5,0,0\n"},
		{"a drain, and a file that is the only truth", func(t *testing.T, c *control.Control) error {
			return c.EditServer(webKey, server(t, "-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 0"))
		}, website + "--reload-runtime=drop\n", website},
	} {
		for _, end := range []string{"crashed", "stopped"} {
			t.Run(c.what+", "+end, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "state")
				first := newRig(t, website+nameserver, withState(t, path))
				first.logged.take()
				if err := c.change(t, first.control); err != nil {
					t.Fatal(err)
				}
				if end == "stopped" {
					if err := first.Stop(); err != nil {
						t.Fatal(err)
					}
				} else {
					first.crash()
				}
				if c.next == "" {
					c.next = website + nameserver
				}
				second := newRig(t, c.next, withState(t, path))
				if diff := cmp.Diff(settings(parse(t, c.want)), second.control.Settings()); diff != "" {
					t.Errorf("settings (-want +got):\n%s", diff)
				}
				if crashed := strings.Contains(second.logged.take(), "did not end as it should"); crashed != (end == "crashed") {
					t.Errorf("the log tells of a crash: %v", crashed)
				}
				// A third director that starts without a change between finds the same.
				second.crash()
				third := newRig(t, c.next, withState(t, path))
				if diff := cmp.Diff(second.control.Settings(), third.control.Settings()); diff != "" {
					t.Errorf("settings of the third director (-second +third):\n%s", diff)
				}
			})
		}
	}
}

// After a power failure a journal and a state file may be empty, cut, or full of zero bytes. The
// director starts all the same, says what is lost, and has files that work afterwards.
func TestJournal_MayBeDamagedInAnyWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	first := newRig(t, website, withState(t, path))
	if err := first.control.Clear(); err != nil {
		t.Fatal(err)
	}
	first.crash()
	whole, err := os.ReadFile(path + ".journal")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for what, c := range map[string]struct{ journal, want string }{
		"empty":                {"", "the journal is damaged: the file is empty"},
		"zero bytes":           {strings.Repeat("\x00", len(whole)), "zero bytes"},
		"a part of the head":   {"DIRJ", "journal refused"},
		"the head":             {lines[0], "line 2: the file ends before it"},
		"the head, then zeros": {lines[0] + strings.Repeat("\x00", 100), "line 2: the line is incomplete or damaged"},
		"two lines":            {lines[0] + lines[1], "line 3: the file ends before it"},
		"three, then zeros":    {strings.Join(lines[:3], "") + strings.Repeat("\x00", 4096), "line 4: the line is incomplete or damaged"},
	} {
		for _, saved := range []string{"", strings.Repeat("\x00", 4096)} {
			if err := errors.Join(os.WriteFile(path+".journal", []byte(c.journal), 0o600), os.WriteFile(path, []byte(saved), 0o600)); err != nil {
				t.Fatal(err)
			}
			second := newRig(t, website, withState(t, path))
			log := second.logged.take()
			for _, want := range []string{c.want, "lost", "saved state refused: starting without connections"} {
				if !strings.Contains(log, want) {
					t.Errorf("%s: the log lacks %q: %s", what, want, log)
				}
			}
			if err := second.control.DeleteService(webKey); err != nil {
				t.Fatal(err)
			}
			second.stopBegan = time.Now()
			if _, err := second.save(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			second.crash()
			third := newRig(t, website, withState(t, path))
			if n := len(third.control.Specs()); n != 0 || third.saved == nil {
				t.Errorf("%s: the next director has %d services, want none, and a saved state: %v", what, n, third.saved != nil)
			}
			third.crash()
		}
	}
}

// A director that starts with the changes of the previous one says so, and how many services
// do not run for this reason.
func TestJournal_SaysThatChangesAreInForce(t *testing.T) {
	for what, c := range map[string]struct {
		change        func(*control.Control) error
		want          string
		changes, gone int
	}{
		"nothing":     {func(*control.Control) error { return nil }, "", 0, 0},
		"all removed": {func(c *control.Control) error { return c.Clear() }, `"changes":2,"services-removed":2,`, 2, 2},
		"one removed": {func(c *control.Control) error { return c.DeleteService(webKey) }, `"changes":1,"services-removed":1,`, 1, 1},
		"a drain, and a sysctl": {func(c *control.Control) error {
			return errors.Join(c.SetSysctl("drop_entry", "3"), c.EditServer(webKey, server(t, "-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 0")))
		}, `"changes":2,"services-removed":0,`, 2, 0},
	} {
		path := filepath.Join(t.TempDir(), "state")
		first := newRig(t, website+nameserver, withState(t, path))
		if err := c.change(first.control); err != nil {
			t.Fatal(err)
		}
		if err := first.Stop(); err != nil {
			t.Fatal(err)
		}
		second := newRig(t, website+nameserver, withState(t, path))
		log := second.logged.take()
		said := strings.Contains(log, "run-time changes of the previous director are in force")
		if said != (c.want != "") || !strings.Contains(log, c.want) {
			t.Errorf("%s: logged %s, want %s", what, log, c.want)
		}
		if f := second.Figures(); f.Changes != c.changes || f.Removed != c.gone {
			t.Errorf("%s: the figures say %d changes and %d services removed, want %d and %d", what, f.Changes, f.Removed, c.changes, c.gone)
		}
	}
}

// A change that does not fit the host any more is dropped alone.
func TestJournal_DropsOnlyWhatIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	first := newRig(t, website+nameserver, withState(t, path))
	elsewhere := strings.ReplaceAll(strings.ReplaceAll(website, ".10:", ".11:"), "10.0.0.11:80 -m", "10.0.0.77:80 -m")
	if err := errors.Join(first.control.Add(parse(t, elsewhere).Services), first.control.DeleteService(webKey)); err != nil {
		t.Fatal(err)
	}
	first.crash()
	second := newRig(t, website+nameserver, withState(t, path), func(d *Daemon) {
		links := d.watch.(*fakeNetwork).snapshot.Links
		links[0].Addrs = append(links[0].Addrs, prefix("10.0.0.77/8")) // the server is a local address now
	})
	if diff := cmp.Diff(parse(t, nameserver).Services, second.control.Specs()); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	log := second.logged.take()
	if !strings.Contains(log, `"service":"tcp:192.0.2.11:80","message":"the changes of this service`) || strings.Count(log, "are lost\"") != 1 {
		t.Errorf("logged %s, want the service whose changes are lost", log)
	}
}

// Sysctls in a journal of another version, which this one refuses, keep the configured value.
// The log names each.
func TestJournal_SaysWhichSysctlsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	first := newRig(t, website, withState(t, path))
	if err := first.recorder.Append(control.Drift{Sysctls: map[string]control.Value{
		"drop_packet": {Loaded: "0", Running: "2"}, "drop_entry": {Loaded: "0", Running: "99"}, "not_yet": {Loaded: "0", Running: "1"},
	}}); err != nil {
		t.Fatal(err)
	}
	first.crash()
	second := newRig(t, website+"--drop-entry=1\n", withState(t, path))
	if diff := cmp.Diff(settings(parse(t, website+"--drop-entry=1\n--drop-packet=2\n")), second.control.Settings()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	log := second.logged.take()
	for _, name := range []string{"drop_entry=99: ", "not_yet=1: "} {
		if strings.Count(log, `"error":"`+name) != 1 {
			t.Errorf("logged %s, want one line about %s", log, name)
		}
	}
}

// What could not be written is written without another change, while the director runs and at
// its end.
func TestJournal_IsWrittenAgain(t *testing.T) {
	for _, stop := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "state")
		r := newRig(t, website, withState(t, path))
		other := path + ".journal"
		err := errors.Join(r.control.SetSysctl("drop_entry", "3"), os.Remove(other), os.Mkdir(other, 0o700),
			r.control.Load(settings(r.config), false)) // a load writes the journal anew
		if err != nil {
			t.Fatal(err)
		}
		r.repeatJournal()
		if r.Figures().JournalError == "" {
			t.Error("a directory was replaced by the journal")
		}
		if err := os.Remove(other); err != nil {
			t.Fatal(err)
		}
		if stop {
			if err := r.Stop(); err != nil {
				t.Fatal(err)
			}
		} else {
			r.repeatJournal()
			r.crash()
		}
		next := newRig(t, website, withState(t, path))
		if got := next.control.Sysctl().DropEntry; got != 3 {
			t.Errorf("stopped %v: the next director has drop_entry %d, want 3", stop, got)
		}
		if crashed := strings.Contains(next.logged.take(), "did not end as it should"); crashed == stop {
			t.Errorf("stopped %v: the log tells of a crash: %v", stop, crashed)
		}
	}
}

// A journal that cannot be written is told in the log and on the page, until it can be
// written again. The change itself is made.
func TestJournal_SaysThatItCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, website, withState(t, filepath.Join(dir, "state")))
	r.load = func() (*config.Config, error) {
		c := parse(t, website+nameserver)
		c.State = r.loaded.State
		return c, nil
	}
	close(r.begun)
	reload := func() {
		t.Helper()
		if err := r.Reload(t.Context(), control.Origin{Via: "test"}, false); err != nil {
			t.Fatal(err)
		}
	}
	if f := r.Figures(); f.JournalError != "" {
		t.Errorf("at the start: %q", f.JournalError)
	}
	moved := filepath.Join(dir, "state.journal")
	other := []byte("data of another program")
	if err := errors.Join(os.Remove(moved), os.WriteFile(moved, other, 0o600)); err != nil {
		t.Fatal(err)
	}
	reload()
	if n := len(r.control.Specs()); n != 2 {
		t.Errorf("%d services, want 2", n)
	}
	if f := r.Figures(); !strings.Contains(f.JournalError, "is not a journal") || !strings.Contains(r.logged.take(), "cannot write the journal") {
		t.Errorf("with another file in its place: %q", f.JournalError)
	}
	if text, err := os.ReadFile(moved); string(text) != string(other) {
		t.Errorf("the other file: %q, %v", text, err)
	}
	if err := os.Remove(moved); err != nil {
		t.Fatal(err)
	}
	if err := r.control.SetTimeouts(service.Timeouts{TCP: 7}); err != nil { // any change writes all of it
		t.Fatal(err)
	}
	if f := r.Figures(); f.JournalError != "" {
		t.Errorf("when it can be written again: %q", f.JournalError)
	}
	r.crash()
	next := newRig(t, website, withState(t, filepath.Join(dir, "state")))
	if got := next.control.Timeouts().TCP; got != 7 {
		t.Errorf("the next director has the time-out %d, want 7", got)
	}
}
