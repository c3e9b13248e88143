package daemon

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"director/control"
	"director/control/config"
)

// A director that is asked to reload while it starts reloads only after the start. The
// reload sends READY, which would otherwise come too early.
func TestReload_WaitsForTheStart(t *testing.T) {
	load := func() (*config.Config, error) { t.Error("the configuration is read again"); return nil, nil }
	d := New(&config.Config{}, load, zerolog.Nop())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Reload(ctx, control.Origin{}, false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the error of the cancelled request", err)
	}
}

const (
	website    = "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m\n"
	nameserver = "-A -u 192.0.2.10:53 -s wlc\n-a -u 192.0.2.10:53 -r 10.0.0.12:53 -m\n"
	neighbor   = "--neighbor=10.0.0.11=02:00:00:00:00:11@lo\n"
)

func TestReload_AppliesAllOrNothing(t *testing.T) {
	for _, c := range []struct {
		what    string
		before  string
		next    string
		change  func(*testing.T, *rig) // while it runs
		refuse  error                  // what loading returns
		want    string                 // the rules that run afterwards
		err     string                 // a part of the error; "": none
		statics int                    // how often the kernel's neighbours were set
	}{
		{what: "a service more", before: website, next: website + nameserver, want: website + nameserver},
		{what: "a service less", before: website + nameserver, next: nameserver, want: nameserver},
		{what: "the same again", before: website, next: website, want: website},
		{what: "a file that cannot be read", before: website, refuse: errors.New("a.flags:6: bad weight"), want: website, err: "a.flags:6: bad weight"},
		{what: "a flag of the start", before: website, next: nameserver + "--conn-table-size=8192\n--state=/tmp/x\n", want: website,
			err: "a change needs a restart"},
		{what: "an interface that is not there", before: website, next: nameserver + strings.Replace(neighbor, "@lo", "@eth77", 1), want: website,
			err: `--neighbor 10.0.0.11: no such interface "eth77"`},
		{what: "a rule that cannot be", before: website, next: strings.ReplaceAll(nameserver, "10.0.0.12:53 -m", "10.0.0.1:53 -m"), want: website,
			err: "udp:192.0.2.10:53: real server 10.0.0.1 is an address of this host"},
		{what: "what was changed while running stays", before: website, next: website + nameserver, change: setWeight(7),
			want: strings.Replace(website, "-m", "-m -w 7", 1) + nameserver},
		{what: "unless it is not to", before: website + "--reload-runtime=drop\n", next: website + nameserver + "--reload-runtime=drop\n",
			change: setWeight(7), want: website + nameserver},
		{what: "another neighbour", before: website, next: website + neighbor, want: website, statics: 1},
		{what: "another neighbour, taken back with the rules", before: website,
			next: strings.ReplaceAll(nameserver, "10.0.0.12:53 -m", "10.0.0.1:53 -m") + neighbor, want: website, err: "10.0.0.1 is", statics: 2},
		{what: "a neighbour that the kernel refuses", before: website, next: nameserver + neighbor,
			change: func(_ *testing.T, r *rig) { r.network.refuse = errors.New("no such device") }, want: website, err: "no such device", statics: 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := newRig(t, c.before)
			r.load = func() (*config.Config, error) {
				if c.refuse != nil {
					return nil, c.refuse
				}
				return parse(t, c.next), nil
			}
			told := r.tellManager()
			close(r.begun)
			if c.change != nil {
				c.change(t, r)
			}
			r.logged.take()
			was := r.loaded
			err := r.Reload(t.Context(), control.Origin{Via: "test"}, false)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if diff := cmp.Diff(parse(t, c.want).Services, r.control.Specs()); diff != "" {
				t.Errorf("services (-want +got):\n%s", diff)
			}
			if (r.loaded != was) != (err == nil) {
				t.Errorf("the configuration that counts changed: %v, with error %v", r.loaded != was, err)
			}
			if len(r.network.statics) != c.statics {
				t.Errorf("neighbours were set %d times, want %d", len(r.network.statics), c.statics)
			}
			if err != nil && c.statics > 1 && len(r.network.statics[c.statics-1]) != 0 {
				t.Errorf("neighbours afterwards: %v, want none as before", r.network.statics)
			}
			if diff := cmp.Diff([]string{"RELOADING=1", "READY=1"}, told()); diff != "" {
				t.Errorf("messages to the service manager (-want +got):\n%s", diff)
			}
			word := `"message":"reloaded"`
			if c.err != "" {
				word = `"message":"not reloaded, nothing has changed"`
			}
			if log := r.logged.take(); !strings.Contains(log, word) {
				t.Errorf("logged %s, want %s", log, word)
			}
		})
	}
}

// setWeight changes the first server's weight while the director runs.
func setWeight(n int32) func(*testing.T, *rig) {
	return func(t *testing.T, r *rig) {
		s := r.control.Specs()[0]
		server := s.Servers[0]
		server.Weight = n
		if err := r.control.EditServer(s.Key, server); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReload_NeedsSomethingToReload(t *testing.T) {
	r := newRig(t, website)
	close(r.begun)
	if err := r.Reload(t.Context(), control.Origin{Via: "test"}, false); err == nil || !strings.Contains(err.Error(), "cannot be read again") {
		t.Errorf("got %v, want an error that the configuration cannot be read again", err)
	}
}
