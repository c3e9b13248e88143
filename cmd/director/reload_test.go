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

// fileDirector is a director that reads its flags from a file and can reload them.
type fileDirector struct {
	ctlDirector
	file   string
	client *api.Client
}

// startWithFile starts a director in the lab with lines as its flags file. It stops the
// director at the end of the test.
func startWithFile(t *testing.T, l *lab.Lab, lines ...string) fileDirector {
	t.Helper()
	d := fileDirector{file: filepath.Join(t.TempDir(), "director.flags")}
	d.write(t, lines...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// The flags of the command line stay the same in each reload.
	cmd := directorCommand(append([]string{"run", "--conn-table-size=4096"}, l.Flags()...)...)
	process, err := process.StartFrom(ctx, l.Director, cmd, d.file)
	must(t, err)
	stopAtEnd(t, process)
	d.ctlDirector = ctlDirector{process}
	d.client = api.Open(d.Control())
	t.Cleanup(d.client.Close)
	return d
}

func (d fileDirector) write(t *testing.T, lines ...string) {
	t.Helper()
	must(t, os.WriteFile(d.file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// reload writes other flags to the file and makes the director reload it.
func (d fileDirector) reload(t *testing.T, lines ...string) error {
	t.Helper()
	d.write(t, lines...)
	return d.client.Do(t.Context(), http.MethodPost, "/v1/reload", nil, nil)
}

// wantRefused fails unless the director refuses to reload these lines, gives the reason why
// in its answer and its log, and changes nothing.
func (d fileDirector) wantRefused(t *testing.T, why string, lines ...string) {
	t.Helper()
	before := d.configuration(t)
	err := d.reload(t, lines...)
	refused, ok := errors.AsType[*api.Error](err)
	if !ok || refused.Code != "not-reloaded" || !strings.Contains(refused.Message, why) {
		t.Errorf("reload: got %v, want a refusal with the reason %q", err, why)
	}
	// The log has a pipe of its own and may arrive later than the answer.
	nettest.Eventually(t, "the log contains "+why, func() bool { return strings.Contains(d.Log(), why) })
	if after := d.configuration(t); after != before {
		t.Errorf("the configuration after a refused reload is\n%s\nwant\n%s", after, before)
	}
}

// configuration returns the present configuration as a flags file.
func (d fileDirector) configuration(t *testing.T) string {
	t.Helper()
	r, err := d.client.Stream(t.Context(), http.MethodGet, "/v1/configuration", nil)
	must(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	must(t, err)
	return string(text)
}

// wantRules compares the services with lines as ipvsadm -S prints them, in any order.
func (d fileDirector) wantRules(t *testing.T, when string, want ...string) {
	t.Helper()
	got := strings.Split(strings.TrimSpace(d.rule(t, "-Sn")), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s the services are\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The rules for these tests.
const (
	webService  = "-A -t 192.0.2.10:80 -s rr"
	webServer1  = "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1"
	webServer2  = "-a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m -w 1"
	otherRule   = "-A -u 192.0.2.11:53 -s sh"
	otherServer = "-a -u 192.0.2.11:53 -r 10.0.0.12:53 -m -w 1"
)

// TestReload_FollowsTheFile changes everything that a reload can change, while a transfer
// runs. A file with an error, or with a change that needs a restart, must be refused as a
// whole.
func TestReload_FollowsTheFile(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 2})
	startWeb(t, l)
	d := startWithFile(t, l, webService, webServer1, otherRule, otherServer)
	body, _ := download(t, dialer(l, demoPort))

	// One reload through the API, one by SIGHUP.
	next := []string{"-A -t 192.0.2.10:80 -s wlc", "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 5", webServer2, "-A -t 192.0.2.12:80 -s rr"}
	flags := append([]string{"--timeouts=77,0,0", "--drop-entry=1", "--neighbor=10.0.0.12=02:00:00:00:00:99@eth1", "--log-level=debug"}, next...)
	must(t, d.reload(t, flags...))
	d.wantRules(t, "after a reload", next...)
	if got := d.configuration(t); !strings.Contains(got, "\n--timeouts=77,120,300\n") || !strings.Contains(got, "\n--drop-entry=1\n") || !strings.Contains(got, "\n--log-level=debug\n") {
		t.Errorf("the configuration after a reload is\n%s\nwant the new timeouts, --drop-entry and --log-level", got)
	}
	if got := directorAddresses(t, l); strings.Contains(got, "192.0.2.11/") || !strings.Contains(got, "192.0.2.12/32") {
		t.Errorf("after a reload the host has the addresses %s, want 192.0.2.12 and not 192.0.2.11", got)
	}
	hop := d.explain(t, "tcp", "198.51.100.101:3", "192.0.2.10:80")
	for hop.Server.Address.Addr() != netip.MustParseAddr("10.0.0.12") || hop.NextHop.MAC != "02:00:00:00:00:99" {
		t.Fatalf("the server of the next connection is %v at %v, want 10.0.0.12 at 02:00:00:00:00:99", hop.Server, hop.NextHop)
	}
	d.write(t, webService, webServer1, webServer2)
	must(t, d.Signal(syscall.SIGHUP))
	nettest.Eventually(t, "the reload by SIGHUP takes effect", func() bool { return len(d.Told()) == 5 })
	d.wantRules(t, "after a reload by SIGHUP", webService, webServer1, webServer2)
	notice := regexp.MustCompile(`^READY=1 RELOADING=1\nMONOTONIC_USEC=\d+ READY=1 RELOADING=1\nMONOTONIC_USEC=\d+ READY=1$`)
	if told := strings.Join(d.Told(), " "); !notice.MatchString(told) {
		t.Errorf("the service manager got %q, want %s", told, notice)
	}

	file := filepath.Base(d.file)
	d.wantRefused(t, file+":2: ", webService, "-a -t 192.0.2.10:80 -r 10.0.0.77:8080 -m -w nine")
	d.wantRefused(t, "--manage-vips, --http: a change needs a restart", webService, "--http=", "--manage-vips=false")
	d.wantRefused(t, "udp:192.0.2.12:53: real server 10.0.0.1 is an address of this host", "--timeouts=5,5,5", "--drop-entry=3", "--neighbor=10.0.0.12=02:00:00:00:00:98@eth1", webService,
		"-A -u 192.0.2.12:53 -s rr", "-a -u 192.0.2.12:53 -r 10.0.0.1:53 -m -w 1")
	if log := d.Log(); strings.Contains(log, "WRN") {
		t.Errorf("want no warning in the log, got\n%s", log)
	}

	if got, want := hash(body), transferHash(); got != want {
		t.Errorf("the download has the hash %s, want %s", got, want)
	}
	if got, want := fetchFromDirector(t, l, "/metrics", http.StatusOK), `director_service_connections_total{proto="tcp",service="192.0.2.10:80"} 1`; !strings.Contains(got, want) {
		t.Errorf("the reload lost the counts of the service: no %s in\n%s", want, got)
	}
	browse(t, l, l.Clients[0].Addr, 20) // to both servers: the wrong neighbour is no longer used
}

// remote returns the Go client of the director.
func (d fileDirector) remote(t *testing.T) api.Remote {
	return api.Remote{Client: d.client, Context: t.Context()}
}

// TestReload_KeepsOrDropsWhatCtlHasSet makes changes of each kind with ctl, and then
// reloads. --reload-runtime decides whether the changes stay.
func TestReload_KeepsOrDropsWhatCtlHasSet(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 2})
	for _, runtime := range []string{"keep", "drop"} {
		flag := "--reload-runtime=" + runtime
		d := startWithFile(t, l, flag, webService, webServer1, webServer2, otherRule)
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
			d.wantRules(t, "after a reload with drop", webService, webServer1, heavy, otherRule)
		} else {
			d.wantRules(t, "after a reload with keep", webService, drained, heavy, "-A -t 192.0.2.13:80 -s lc", "-a -t 192.0.2.13:80 -r 10.0.0.12:80 -m -w 3")
		}
		timeouts, err := d.remote(t).Timeouts()
		must(t, err)
		if want := map[string]uint32{"keep": 33, "drop": 55}[runtime]; timeouts.TCP != 44 || timeouts.TCPFIN != want {
			t.Errorf("%s: got the time-outs %+v, want TCP 44 and TCPFIN %d", runtime, timeouts, want)
		}
		must(t, d.Stop())
	}
}

// TestReload_NeedsAFile checks that flags from standard input cannot be reloaded.
func TestReload_NeedsAFile(t *testing.T) {
	l := labtest.New(t, lab.Config{Servers: 1})
	d := startCtl(t, l, "packet", httpRules(l)...)
	client := api.Open(d.Control())
	defer client.Close()
	err := client.Do(context.Background(), http.MethodPost, "/v1/reload", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("reload: got %v, want an error about standard input", err)
	}
	if got := d.rule(t, "-Sn"); strings.TrimSpace(got) != fmt.Sprint(strings.Join(httpRules(l), "\n")) {
		t.Errorf("the services are\n%s\nwant them unchanged", got)
	}
}
