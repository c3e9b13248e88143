package ipvsadm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/control"
	"director/control/ipvsadm"
	"director/control/rules"
	"director/service"
)

const setup = `-A -t 192.0.2.10:80 -s rr
-a -t 192.0.2.10:80 -r 10.0.0.1:80 -m
-A -f 1
`

func TestExecute_SaysWhatIpvsadmSays(t *testing.T) {
	const invalid = "Invalid operation.  Possibly wrong module version, address not unicast, ..."
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"-A -t 192.0.2.10:80", 255, "Service already exists"},
		{"-A -f 1 -s rr", 255, "Service already exists"},
		{"-E -t 192.0.2.10:81", 255, "No such service"},
		{"-D -u 192.0.2.10:80", 255, "No such service"},
		{"-D -f 2", 255, "No such service"},
		{"-Z -t 192.0.2.10:81", 255, "No such service"},
		{"-L -t 192.0.2.10:81", 1, "No such service"},
		{"-L -t [::1]:81", 1, "Operation not supported with specified address family"},
		{"-A -t [::1]:81", 255, "Operation not supported with specified address family"},
		{"-A -t 192.0.2.11:80 -s best", 255, "Scheduler or persistence engine not found"},
		{"-E -t 192.0.2.10:80 --pe ftp", 255, "Scheduler or persistence engine not found"},
		{"-A -t 224.0.0.1:80", 255, invalid},
		{"-a -t 192.0.2.11:80 -r 10.0.0.1", 255, "Service not defined"},
		{"-e -t 192.0.2.11:80 -r 10.0.0.1", 255, "Service not defined"},
		{"-d -t 192.0.2.11:80 -r 10.0.0.1", 255, "Service not defined"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.1", 255, "Destination already exists"},
		{"-e -t 192.0.2.10:80 -r 10.0.0.2", 255, "No such destination"},
		{"-d -t 192.0.2.10:80 -r 10.0.0.1:81", 255, "No such destination"},
		{"-a -t 192.0.2.10:80 -r 255.255.255.255", 255, invalid},
		{"-a -t 192.0.2.10:80 -r 10.0.0.2 -x 4 -y 5", 255, "Numerical result out of range"},
		{"-a -t 192.0.2.10:80 -r 10.0.0.2 -y 5", 255, "Numerical result out of range"},
		{"--start-daemon backup", 255, "This version has no sync daemon"},
		{"--stop-daemon master", 255, "No daemon is running"},
	} {
		d := &memory{}
		must(t, d, setup)
		out, errs, code := run(d, c.line, "")
		if out != "" || errs != c.want+"\n" || code != c.code {
			t.Errorf("%s:\n got %d %q, %q\nwant %d %q", c.line, code, out, errs, c.code, c.want)
		}
	}
}

func TestExecute_PrintsIpvsadmsWordsForWrappedErrors(t *testing.T) {
	detailed := fmt.Errorf("10.0.0.1 is the director itself: %w", service.ErrInvalid)
	for _, c := range []struct {
		err  error
		want string
	}{
		{detailed, service.ErrInvalid.Error()},
		{errors.New("out of memory"), "out of memory"},
	} {
		_, errs, code := run(&memory{broken: c.err}, "-A -f 1", "")
		if errs != c.want+"\n" || code != 255 {
			t.Errorf("%v: got %d %q, want 255 %q", c.err, code, errs, c.want)
		}
	}
}

func TestExecute_Changes(t *testing.T) {
	d := &memory{}
	must(t, d, setup+`-E -t 192.0.2.10:80 -p 50
-e -t 192.0.2.10:80 -r 10.0.0.1:80 -m -w 7 -x 9 -y 8
-a -f 1 -r 10.0.0.1
-a -f 1 -r 10.0.0.2
-d -f 1 -r 10.0.0.1
-A -u 192.0.2.10:53
-D -u 192.0.2.10:53
-Z
-Z -t 192.0.2.10:80
--set 100 0 30
`)
	edited := server("10.0.0.1", 80, service.NAT, 7)
	edited.Upper, edited.Lower = 9, 8
	want := &memory{
		services: []control.Service{
			{Spec: service.Spec{Key: tcp("192.0.2.10", 80), Scheduler: "wlc", Persistent: 50},
				Servers: []control.Server{{ServerSpec: edited}}},
			{Spec: service.Spec{Key: mark(1), Scheduler: "wlc"},
				Servers: []control.Server{{ServerSpec: server("10.0.0.2", 0, service.DR, 1)}}},
		},
		timeouts: service.Timeouts{TCP: 100, UDP: 30},
		zeroed:   []string{"192.0.2.10", "invalid IP", "192.0.2.10"},
	}
	d.asked = 0
	if diff := cmp.Diff(want, d, cmp.AllowUnexported(memory{})); diff != "" {
		t.Errorf("director (-want +got):\n%s", diff)
	}
	must(t, d, "-C")
	if len(d.services) != 0 {
		t.Errorf("after -C there are %d services, want 0", len(d.services))
	}
}

func TestExecute_PrintsItsVersion(t *testing.T) {
	const want = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n"
	if out, errs, code := run(&memory{}, "-v", ""); out != want || errs != "" || code != 0 {
		t.Errorf("-v: got %d %q, %q, want 0 %q", code, out, errs, want)
	}
	out, errs, code := run(&memory{}, "-h", "")
	if !strings.HasPrefix(out, want+"Usage:\n") || errs != "" || code != 0 {
		t.Errorf("-h: got %d %q, %q", code, out, errs)
	}
	for _, option := range []string{"--add-service", "--set", "--tun-type", "--persistent-conn", "--sched-flags"} {
		if !strings.Contains(out, option) {
			t.Errorf("-h does not mention %s", option)
		}
	}
}

func TestExecute_WithTheHostsNames(t *testing.T) {
	var out, errs strings.Builder
	d := &memory{}
	c := rules.Command{Verb: rules.Restore}
	if code := ipvsadm.Execute(c, d, strings.NewReader("-A -t 192.0.2.10:http\n-Sn\n"), &out, &errs); code != 0 {
		t.Fatalf("got %d, %s", code, errs.String())
	}
	if want := "-A -t 192.0.2.10:80 -s wlc\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
