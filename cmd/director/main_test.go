package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"director/dataplane"
	"director/internal/cli"
	"director/sched"
)

// direct runs director in this process, with the words of line as arguments.
func direct(stdin, line string) (code int, out, err string) {
	var o, e strings.Builder
	code = run(strings.Fields(line), cli.IO{In: strings.NewReader(stdin), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestRun_ListsTheVerbs(t *testing.T) {
	for _, line := range []string{"", "help", "--help", "-h"} {
		code, out, err := direct("", line)
		if code != cli.OK || err != "" {
			t.Errorf("director %s: exit %d, stderr %q, want 0 and nothing", line, code, err)
		}
		for _, v := range commandLine().All() {
			if !strings.Contains(out, "  "+v.Name()+" ") || !strings.Contains(out, v.Summary) {
				t.Errorf("director %s does not list %s:\n%s", line, v.Name(), out)
			}
		}
	}
}

func TestRun_RefusesAnUnknownVerb(t *testing.T) {
	code, out, err := direct("", "balance --all")
	if want := "balance: unknown verb: \"director help\" lists them\n"; code != cli.Usage || out != "" || err != want {
		t.Errorf("got exit %d, stdout %q, stderr %q, want exit 2, nothing, %q", code, out, err, want)
	}
}

// All ways to ask for the help of a verb must print the same text.
func TestHelp_OfAVerb(t *testing.T) {
	for _, verb := range []string{"top", "run", "why", "ctl", "bench", "bench micro"} {
		_, want, _ := direct("", verb+" --help")
		for _, line := range []string{verb + " -h", "help " + verb} {
			code, out, err := direct("", line)
			if code != cli.OK || err != "" || out != want || !strings.HasPrefix(out, "Usage: director "+verb+" ") {
				t.Errorf("director %s: exit %d, stderr %q, stdout\n%s\nwant exit 0 and\n%s", line, code, err, out, want)
			}
		}
	}
	for _, line := range []string{"help balance", "help top --all", "--all"} {
		if code, out, err := direct("", line); code != cli.Usage || out != "" || err == "" {
			t.Errorf("director %s: exit %d, stdout %q, stderr %q, want exit 2 and an error", line, code, out, err)
		}
	}
}

func TestVersion_PrintsTheBuild(t *testing.T) {
	for _, line := range []string{"version", "--version"} {
		code, out, err := direct("", line)
		if code != cli.OK || err != "" || !strings.HasPrefix(out, "go\tgo1.") {
			t.Errorf("director %s: exit %d, stdout %q, stderr %q, want 0 and the build information", line, code, out, err)
		}
	}
}

func TestCheck_PrintsAFixedPoint(t *testing.T) {
	rules := "-A -t 192.0.2.10:80\n-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m\n"
	code, first, err := direct(rules, "check --interface eth0 --flagfile -")
	if code != cli.OK || err != "" {
		t.Fatalf("exit %d, stderr %q", code, err)
	}
	code, second, err := direct(first, "check --flagfile -")
	if code != cli.OK || err != "" {
		t.Fatalf("check refuses its own output: exit %d, stderr %q", code, err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("check changes its own output (-first +second):\n%s", diff)
	}
	if want := "-A -t 192.0.2.10:80 -s wlc\n-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 1\n"; !strings.HasSuffix(first, want) {
		t.Errorf("got\n%s\nwant it to end in\n%s", first, want)
	}
}

func TestCheck_RefusesInOneLine(t *testing.T) {
	code, out, err := direct("-A -t 192.0.2.10:80 -s best\n", "check --interface eth0 --flagfile -")
	want := "stdin:1: -s best: scheduler \"best\": want one of " + strings.Join(sched.Names(), ", ") + "\n"
	if code != cli.Usage || out != "" || err != want {
		t.Errorf("got exit %d, stdout %q, stderr %q, want exit 2, nothing, %q", code, out, err, want)
	}
}

func TestCheck_ExplainsItsFlags(t *testing.T) {
	code, out, err := direct("", "check --help")
	if code != cli.OK || err != "" || !strings.HasPrefix(out, "Usage: director check [flags]\n\n") ||
		!strings.Contains(out, "--conn-table-size N") {
		t.Errorf("got exit %d, stdout\n%s\nstderr %q, want 0 and the flags", code, out, err)
	}
}

// fullDisk is a writer that fails as a full disk does.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestCheck_FailsWhenItCannotPrint(t *testing.T) {
	var e strings.Builder
	code := run([]string{"check", "--interface=eth0"}, cli.IO{In: strings.NewReader(""), Out: fullDisk{}, Err: &e})
	if want := "write the configuration: no space left on device\n"; code != cli.Failed || e.String() != want {
		t.Errorf("got exit %d, stderr %q, want 1 and %q", code, e.String(), want)
	}
}

// Each verb accepts as many interfaces as the data plane serves, and refuses more.
func TestRun_TakesAsManyInterfacesAsTheDataPlane(t *testing.T) {
	var names []string
	for i := range dataplane.MaxInterfaces + 1 {
		names = append(names, fmt.Sprintf("nosuch%d", i))
	}
	tooMany := strings.Join(names, ",")
	most := strings.Join(names[:dataplane.MaxInterfaces], ",")
	for _, verb := range []string{"check", "run"} {
		want := fmt.Sprintf("--interface=%s: 17 interfaces: want 16 or fewer\n", tooMany)
		if code, out, err := direct("", verb+" --interface="+tooMany); code != cli.Usage || out != "" || err != want {
			t.Errorf("%s with 17: exit %d, stdout %q, stderr %q, want exit %d, nothing, %q", verb, code, out, err, cli.Usage, want)
		}
	}
	if code, _, err := direct("", "check --interface="+most); code != cli.OK || err != "" {
		t.Errorf("check with 16: exit %d, stderr %q, want 0 and nothing", code, err)
	}
	if code, _, err := direct("", "run --http= --control= --interface="+most); code == cli.OK || strings.Contains(err, "interfaces: want") {
		t.Errorf("run with 16 that do not exist: exit %d, stderr %q, want an error that is not about their number", code, err)
	}
}
