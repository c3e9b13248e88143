//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"director/control/api"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
	"director/internal/nettest"
	"director/packet"
	"director/service"
)

// filed is a director whose flags are in a file, to be read again.
type filed struct {
	ruled
	file   string
	client *api.Client
}

// startFiled starts a director in the lab with lines as its flags file, and stops
// it at the end of the test.
func startFiled(t *testing.T, l *lab.Lab, lines ...string) filed {
	t.Helper()
	d := filed{file: filepath.Join(t.TempDir(), "director.flags")}
	d.write(t, lines...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// Command-line flags are the same in each load.
	cmd := directorCommand(append([]string{"run", "--conn-table-size=4096"}, l.Flags()...)...)
	process, err := process.StartFrom(ctx, l.Director, cmd, d.file)
	must(t, err)
	stopAtEnd(t, process)
	d.ruled = ruled{process}
	d.client = api.Open(d.Control())
	t.Cleanup(d.client.Close)
	return d
}

func (d filed) write(t *testing.T, lines ...string) {
	t.Helper()
	must(t, os.WriteFile(d.file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// reload writes other flags and has the director read them.
func (d filed) reload(t *testing.T, lines ...string) error {
	t.Helper()
	d.write(t, lines...)
	return d.client.Do(t.Context(), http.MethodPost, "/v1/reload", nil, nil)
}

// refuses wants a reload to be refused, for a reason that the answer and the log
// give, and nothing to be changed.
func (d filed) refuses(t *testing.T, why string, lines ...string) {
	t.Helper()
	before := d.set(t)
	err := d.reload(t, lines...)
	refused, ok := errors.AsType[*api.Error](err)
	if !ok || refused.Code != "not-reloaded" || !strings.Contains(refused.Message, why) {
		t.Errorf("reload: got %v, want a refusal that says %q", err, why)
	}
	// The log comes by a pipe of its own.
	nettest.Eventually(t, "the log says "+why, func() bool { return strings.Contains(d.Log(), why) })
	if after := d.set(t); after != before {
		t.Errorf("after a reload that was refused runs\n%s\nwant\n%s", after, before)
	}
}

// set is everything that is set now, as a flags file.
func (d filed) set(t *testing.T) string {
	t.Helper()
	r, err := d.client.Stream(t.Context(), http.MethodGet, "/v1/configuration", nil)
	must(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	must(t, err)
	return string(text)
}

// wantRules compares the services with lines in the form of ipvsadm -S, in any
// order.
func (d filed) wantRules(t *testing.T, when string, want ...string) {
	t.Helper()
	got := strings.Split(strings.TrimSpace(d.rule(t, "-Sn")), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s the services are\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The rules of the tests of reloading.
const (
	webService  = "-A -t 192.0.2.10:80 -s rr"
	webServer1  = "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1"
	webServer2  = "-a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m -w 1"
	otherRule   = "-A -u 192.0.2.11:53 -s sh"
	otherServer = "-a -u 192.0.2.11:53 -r 10.0.0.12:53 -m -w 1"
)

// TestReload_FollowsTheFile changes everything that can be changed, while a
// transfer goes on, and refuses the rest whole.
func TestReload_FollowsTheFile(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 2})
	startWeb(t, l)
	d := startFiled(t, l, webService, webServer1, otherRule, otherServer)
	body, _ := download(t, dialer(l, demoPort))

	// By the API, and by a hangup.
	next := []string{"-A -t 192.0.2.10:80 -s wlc", "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 5", webServer2, "-A -t 192.0.2.12:80 -s rr"}
	flags := append([]string{"--timeouts=77,0,0", "--drop-entry=1", "--neighbor=10.0.0.12=02:00:00:00:00:99@eth1", "--log-level=debug"}, next...)
	must(t, d.reload(t, flags...))
	d.wantRules(t, "after a reload", next...)
	if got := d.set(t); !strings.Contains(got, "\n--timeouts=77,120,300\n") || !strings.Contains(got, "\n--drop-entry=1\n") || !strings.Contains(got, "\n--log-level=debug\n") {
		t.Errorf("after a reload runs\n%s", got)
	}
	if got := directorAddresses(t, l); strings.Contains(got, "192.0.2.11/") || !strings.Contains(got, "192.0.2.12/32") {
		t.Errorf("after a reload the host has %s", got)
	}
	hop := d.explain(t, "tcp", "198.51.100.101:3", "192.0.2.10:80")
	for hop.Server.Address.Addr() != netip.MustParseAddr("10.0.0.12") || hop.NextHop.MAC != "02:00:00:00:00:99" {
		t.Fatalf("the idle server is %v at %v, want 10.0.0.12 at 02:00:00:00:00:99", hop.Server, hop.NextHop)
	}
	d.write(t, webService, webServer1, webServer2)
	must(t, d.Signal(syscall.SIGHUP))
	nettest.Eventually(t, "the hangup takes effect", func() bool { return len(d.Told()) == 5 })
	d.wantRules(t, "after a hangup", webService, webServer1, webServer2)
	notice := regexp.MustCompile(`^READY=1 RELOADING=1\nMONOTONIC_USEC=\d+ READY=1 RELOADING=1\nMONOTONIC_USEC=\d+ READY=1$`)
	if told := strings.Join(d.Told(), " "); !notice.MatchString(told) {
		t.Errorf("the service manager was told %q", told)
	}

	file := filepath.Base(d.file)
	d.refuses(t, file+":2: ", webService, "-a -t 192.0.2.10:80 -r 10.0.0.77:8080 -m -w nine")
	d.refuses(t, "--manage-vips, --http: a change needs a restart", webService, "--http=", "--manage-vips=false")
	d.refuses(t, "udp:192.0.2.12:53: real server 10.0.0.1 is an address of this host", "--timeouts=5,5,5", "--drop-entry=3", "--neighbor=10.0.0.12=02:00:00:00:00:98@eth1", webService,
		"-A -u 192.0.2.12:53 -s rr", "-a -u 192.0.2.12:53 -r 10.0.0.1:53 -m -w 1")
	if log := d.Log(); strings.Contains(log, "WRN") {
		t.Errorf("want no warning, got\n%s", log)
	}

	if got, want := hash(body), transferHash(); got != want {
		t.Errorf("the download hashes to %s, want %s", got, want)
	}
	if got, want := ask(t, l, "/metrics", http.StatusOK), `director_service_connections_total{proto="tcp",service="192.0.2.10:80"} 1`; !strings.Contains(got, want) {
		t.Errorf("the counts of the service did not survive: no %s in\n%s", want, got)
	}
	browse(t, l, l.Clients[0].Addr, 20) // to both servers: the wrong neighbour is forgotten
}

// remote is the director as Go sees it.
func (d filed) remote(t *testing.T) api.Remote {
	return api.Remote{Client: d.client, Context: t.Context()}
}

// TestReload_KeepsOrDropsWhatCtlHasSet has ctl make changes of each kind between
// two loads.
func TestReload_KeepsOrDropsWhatCtlHasSet(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 2})
	for _, runtime := range []string{"keep", "drop"} {
		flag := "--reload-runtime=" + runtime
		d := startFiled(t, l, flag, webService, webServer1, webServer2, otherRule)
		drained := strings.TrimSuffix(webServer1, "1") + "0"
		d.rule(t, "-e%s", strings.TrimPrefix(drained, "-a"))
		d.rule(t, "-D -u 192.0.2.11:53")
		d.rule(t, "-A -t 192.0.2.13:80 -s lc")
		must(t, d.remote(t).AddServer(service.Key{Addr: packet.MustAddr("192.0.2.13"), Port: 80, Proto: packet.ProtoTCP},
			service.ServerSpec{Addr: packet.MustAddr("10.0.0.12"), Port: 80, Weight: 3}))
		d.rule(t, "--set 0 33 0")

		heavy := strings.TrimSuffix(webServer2, "1") + "9"
		must(t, d.reload(t, flag, "--timeouts=44,55,0", webService, webServer1, heavy, otherRule))
		if runtime == "drop" {
			d.wantRules(t, "after a reload that drops", webService, webServer1, heavy, otherRule)
		} else {
			d.wantRules(t, "after a reload that keeps", webService, drained, heavy, "-A -t 192.0.2.13:80 -s lc", "-a -t 192.0.2.13:80 -r 10.0.0.12:80 -m -w 3")
		}
		timeouts, err := d.remote(t).Timeouts()
		must(t, err)
		if want := map[string]uint32{"keep": 33, "drop": 55}[runtime]; timeouts.TCP != 44 || timeouts.TCPFIN != want {
			t.Errorf("%s: the time-outs are %+v, want 44 and %d", runtime, timeouts, want)
		}
		must(t, d.Stop())
	}
}

// TestReload_NeedsAFile: what came by standard input is gone.
func TestReload_NeedsAFile(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	d := startRuled(t, l, "packet", httpRules(l)...)
	client := api.Open(d.Control())
	defer client.Close()
	err := client.Do(context.Background(), http.MethodPost, "/v1/reload", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("reload: %v, want it to say that standard input cannot be read again", err)
	}
	if got := d.rule(t, "-Sn"); strings.TrimSpace(got) != fmt.Sprint(strings.Join(httpRules(l), "\n")) {
		t.Errorf("the services are\n%s", got)
	}
}
