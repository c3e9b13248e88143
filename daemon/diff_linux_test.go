package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/control/api"
	"director/control/config"
	"director/control/ipvsadm"
	"director/control/names"
)

// prefix parses an address with the length of its prefix.
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// surface is a rig that answers at its control socket, and reads its configuration from
// file.
type surface struct {
	*rig
	file   string
	remote api.Remote
}

func newSurface(t *testing.T, state string) *surface {
	t.Helper()
	dir := t.TempDir()
	s := &surface{file: website + nameserver}
	s.rig = newRig(t, s.file, withState(t, state), func(d *Daemon) { d.config.Control = filepath.Join(dir, "control.sock") })
	s.load = func() (*config.Config, error) {
		c := parse(t, s.file)
		c.State, c.Control = s.loaded.State, s.loaded.Control
		return c, nil
	}
	close(s.begun)
	if err := s.openControl(); err != nil {
		t.Fatal(err)
	}
	s.listen()
	client := api.Open(s.config.Control)
	t.Cleanup(client.Close)
	s.remote = api.Remote{Client: client, Context: t.Context()}
	s.logged.take()
	return s
}

// ctl runs a command of ipvsadm.
func (s *surface) ctl(t *testing.T, line string) {
	t.Helper()
	c, err := ipvsadm.Parse(strings.Fields(line), names.System{})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if code := ipvsadm.Execute(c, s.remote, strings.NewReader(""), &out, &out); code != 0 {
		t.Fatalf("%s: exit %d: %s", line, code, &out)
	}
}

// ask sends a request that must succeed.
func (s *surface) ask(t *testing.T, method, path string, body, into any) {
	t.Helper()
	if err := s.remote.Do(t.Context(), method, path, body, into); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// The lines of the drain that each surface makes.
const (
	full    = "-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 1"
	drained = "-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 0"
)

// Whoever changes a rule of the flags file, the change is the same override: it is logged
// with who made it, GET /v1/diff shows it, the next director has it, a reload keeps it,
// and a reload that is asked to drops it. What the file does not change, it keeps.
func TestOverride_IsTheSameOnEachSurface(t *testing.T) {
	none := int32(0)
	server := api.Server{Server: "10.0.0.11:80", Method: "nat", Weight: &none}
	of := api.Service{Service: "tcp:192.0.2.10:80", Scheduler: "rr", Servers: []api.Server{server}}
	for name, drain := range map[string]func(*testing.T, *surface){
		"ctl": func(t *testing.T, s *surface) { s.ctl(t, "-e -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 0") },
		"the API, a server": func(t *testing.T, s *surface) {
			s.ask(t, http.MethodPut, "/v1/services/tcp:192.0.2.10:80/servers/10.0.0.11:80", server, nil)
		},
		"the API, a service": func(t *testing.T, s *surface) {
			s.ask(t, http.MethodPut, "/v1/services/tcp:192.0.2.10:80", of, nil)
		},
		"the API, all services": func(t *testing.T, s *surface) {
			var all api.Services
			s.ask(t, http.MethodGet, "/v1/services", nil, &all)
			all.Services[0].Servers[0].Weight = &none
			for i := range all.Services { // counts are only in answers
				all.Services[i].Stats, all.Services[i].Rates = nil, nil
			}
			s.ask(t, http.MethodPut, "/v1/services", all, nil)
		},
		"the API, changes": func(t *testing.T, s *surface) {
			s.ask(t, http.MethodPost, "/v1/changes", api.Changes{Changes: []api.Change{{Op: "edit-server", Service: &of, Server: &server}}}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			s := newSurface(t, path)
			drain(t, s)
			who := fmt.Sprintf(`"via":"api","uid":%d,"pid":%d,"change":"edit-server","from":%q,"to":%q,"message":"changed"`, os.Geteuid(), os.Getpid(), full, drained)
			if log := s.logged.take(); !strings.Contains(log, who) || strings.Count(log, `"changed"`) != 1 {
				t.Errorf("logged %s, want one change: %s", log, who)
			}
			override := []control.Difference{{Change: "edit-server", From: []string{full}, To: []string{drained}}}
			s.wantDiff(t, "after the change", api.Diff{Runtime: override})
			if got := s.Figures().Changes; got != 1 {
				t.Errorf("%d changes, want 1", got)
			}
			s.crash()
			next := newRig(t, s.file, withState(t, path))
			if got := next.control.Differences(-1); !cmp.Equal(override, got) {
				t.Errorf("the next director has the changes %v, want %v", got, override)
			}

			s.file = strings.ReplaceAll(s.file, "rr", "wlc")
			s.wantDiff(t, "after an edit of the file", api.Diff{Runtime: override, Files: []control.Difference{
				{Change: "edit-service", From: []string{"-A -t 192.0.2.10:80 -s rr"}, To: []string{"-A -t 192.0.2.10:80 -s wlc"}}}})
			s.ask(t, http.MethodPost, "/v1/reload", nil, nil)
			if got := s.control.Specs()[0]; got.Scheduler != "wlc" || got.Servers[0].Weight != 0 {
				t.Errorf("after a reload runs %+v, want the file's scheduler and the drain", got)
			}
			if log := s.logged.take(); !strings.Contains(log, `"differing":1,"message":"reloaded"`) || !strings.Contains(log, "director diff") ||
				!strings.Contains(log, `"via":"reload","uid":`) {
				t.Errorf("a reload that keeps logs %s", log)
			}
			s.wantDiff(t, "after a reload", api.Diff{Runtime: override})
			s.ask(t, http.MethodPost, "/v1/reload", api.Reload{DropRuntime: true}, nil)
			if got := s.control.Specs()[0].Servers[0].Weight; got != 1 {
				t.Errorf("after a reload that drops the weight is %d, want 1", got)
			}
			s.wantDiff(t, "after a reload that drops", api.Diff{})
			if log := s.logged.take(); !strings.Contains(log, `"differing":0,"message":"reloaded"`) || strings.Contains(log, "director diff") {
				t.Errorf("a reload that drops logs %s", log)
			}
		})
	}
}

func (s *surface) wantDiff(t *testing.T, when string, want api.Diff) {
	t.Helper()
	var got api.Diff
	s.ask(t, http.MethodGet, "/v1/diff", nil, &got)
	for _, list := range []*[]control.Difference{&want.Runtime, &want.Files} {
		if *list == nil {
			*list = []control.Difference{}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		text, _ := json.Marshal(got)
		t.Errorf("%s (-want +got):\n%s\n%s", when, diff, text)
	}
}

// Every kind of change is shown and logged in lines of a flags file.
func TestDiff_ShowsEveryKind(t *testing.T) {
	s := newSurface(t, filepath.Join(t.TempDir(), "state"))
	for _, line := range []string{
		"-E -t 192.0.2.10:80 -s wlc -p 60", "-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m -w 3 -x 9", "-d -t 192.0.2.10:80 -r 10.0.0.11:80",
		"-D -u 192.0.2.10:53", "-A -t 192.0.2.11:80 -s sh", "-a -t 192.0.2.11:80 -r 10.0.0.12:80 -g", "--set 60 0 0",
	} {
		s.ctl(t, line)
	}
	s.ask(t, http.MethodPatch, "/v1/sysctls", map[string]string{"drop_entry": "3"}, nil)
	s.file = website + "--log-level=debug\n"
	want := api.Diff{
		Runtime: []control.Difference{
			{Change: "delete-service", From: []string{"-A -u 192.0.2.10:53 -s wlc", "-a -u 192.0.2.10:53 -r 10.0.0.12:53 -m -w 1"}, To: []string{}},
			{Change: "edit-service", From: []string{"-A -t 192.0.2.10:80 -s rr"}, To: []string{"-A -t 192.0.2.10:80 -s wlc -p 60"}},
			{Change: "add-server", From: []string{}, To: []string{"-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m -w 3 -x 9"}},
			{Change: "delete-server", From: []string{full}, To: []string{}},
			{Change: "add-service", From: []string{}, To: []string{"-A -t 192.0.2.11:80 -s sh", "-a -t 192.0.2.11:80 -r 10.0.0.12:80 -g -w 1"}},
			{Change: "timeouts", From: []string{"--timeouts=900,120,300"}, To: []string{"--timeouts=60,120,300"}},
			{Change: "sysctl", From: []string{"--drop-entry=0"}, To: []string{"--drop-entry=3"}},
		},
		Files: []control.Difference{
			{Change: "flag", From: []string{"--log-level=info"}, To: []string{"--log-level=debug"}},
			{Change: "delete-service", From: []string{"-A -u 192.0.2.10:53 -s wlc", "-a -u 192.0.2.10:53 -r 10.0.0.12:53 -m -w 1"}, To: []string{}},
		},
	}
	s.wantDiff(t, "after changes of each kind", want)
	if got := s.control.Differences(2); !cmp.Equal(want.Runtime[:2], got) {
		t.Errorf("two changes: %v, want %v", got, want.Runtime[:2])
	}
	if got := s.control.Differing(); got != 5 { // three services, the time-outs, the sysctl
		t.Errorf("%d differ, want 5", got)
	}
	log := s.logged.take()
	for _, c := range want.Runtime {
		if line := fmt.Sprintf("%q:%q", "change", c.Change); !strings.Contains(log, line) {
			t.Errorf("logged %s, want %s", log, line)
		}
	}
}

// A reload may change ten thousand rules. The log names some of them and counts the others.
func TestAudit_IsShort(t *testing.T) {
	r := newRig(t, website)
	changes := make([]control.Difference, 1000)
	for i := range changes {
		changes[i] = control.Difference{Change: []string{"add-server", "delete-server"}[i%2], From: []string{fmt.Sprint(i)}}
	}
	for n, want := range map[int][]string{auditedAlone: nil, 1000: {
		`"change":"add-server","more":490,"message":"changed"`, `"change":"delete-server","more":490,"message":"changed"`,
	}} {
		r.logged.take()
		r.audit(control.Origin{Via: "reload", UID: -1}, changes[:n])
		log := r.logged.take()
		if lines := strings.Count(log, `"via":"reload"`); lines != auditedAlone+len(want) {
			t.Errorf("%d changes: %d lines, want %d", n, lines, auditedAlone+len(want))
		}
		for _, line := range append(want, fmt.Sprintf(`"from":"%d"`, auditedAlone-1)) {
			if !strings.Contains(log, line) {
				t.Errorf("%d changes are logged as %s, want %s", n, log, line)
			}
		}
	}
}

// A file that cannot be read is no reason to hide the changes.
func TestDiff_SaysThatTheFileCannotBeRead(t *testing.T) {
	s := newSurface(t, filepath.Join(t.TempDir(), "state"))
	s.ctl(t, "-C")
	s.load = func() (*config.Config, error) { return nil, errors.New("a.flags:6: bad weight") }
	if d := s.diff(); len(d.Runtime) != 2 || d.FilesError != "a.flags:6: bad weight" {
		t.Errorf("got %+v, want both changes and what is wrong with the file", d)
	}
	s.load = nil
	if d := s.diff(); len(d.Runtime) != 2 || d.FilesError != errNotAgain.Error() {
		t.Errorf("got %+v, want both changes and that there is no file", d)
	}
}

// The cause of the end says whether another director will go on.
func TestWait_LearnsWhetherASuccessorComes(t *testing.T) {
	for cause, want := range map[error]bool{ErrSuccessor: true, nil: false, errors.New("a signal"): false} {
		r := newRig(t, website)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if err := r.Wait(ctx); err != nil || r.successor != want {
			t.Errorf("%v: %v, a successor: %v, want %v", cause, err, r.successor, want)
		}
	}
}
