package main

import (
	"encoding/json"
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

func TestVersion_IsOneLine(t *testing.T) {
	_, want, _ := direct("", "version")
	if !strings.HasPrefix(want, "director ") || strings.Count(want, "\n") != 1 || !strings.Contains(want, ", go1.") {
		t.Errorf("director version: %q, want the version in one line", want)
	}
	if code, out, err := direct("", "--version"); code != cli.OK || err != "" || out != want {
		t.Errorf("director --version: exit %d, stdout %q, stderr %q, want 0 and %q", code, out, err, want)
	}
	code, out, err := direct("", "version -v")
	if more, ok := strings.CutPrefix(out, want); code != cli.OK || err != "" || !ok || !strings.Contains(more, "\tgithub.com/spf13/cobra\t") {
		t.Errorf("director version -v: exit %d, stdout %q, stderr %q, want 0, the version and the modules", code, out, err)
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

// A service that cannot get traffic is worth a warning, not a refusal. The output stays a
// flags file.
func TestCheck_WarnsOfAMarkWithoutFlag(t *testing.T) {
	const rules = "-A -f 7 -s rr\n-A -f 8 -s rr\n"
	code, out, err := direct(rules, "check --interface eth0 --fwmark=8=tcp,198.51.100.0/24 --flagfile -")
	if want := "warning: -f 7: no --fwmark defines mark 7, so its service gets no traffic\n"; code != cli.OK || err != want || !strings.HasSuffix(out, rules) {
		t.Errorf("exit %d, stderr %q, stdout\n%s\nwant 0, %q and the configuration", code, err, out, want)
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

// With --log-format=json the error that ends the run is a JSON line, too.
func TestRun_SaysInJSONWhyItEnds(t *testing.T) {
	for _, c := range []struct {
		line, want string
		code       int
	}{
		{"run --log-format=json --interface=eth0 --cpus=x", "--cpus=x: ", cli.Usage},
		{"run --log-format=json --http= --control= --interface=nosuch0", "nosuch0", cli.Usage},
	} {
		code, out, err := direct("", c.line)
		var line struct {
			Level, Time, Message string
			Code                 int `json:"exit-code"`
		}
		if e := json.Unmarshal([]byte(err), &line); e != nil || code != c.code || out != "" {
			t.Errorf("%s: exit %d, stdout %q, stderr %q: %v, want exit %d and one JSON object", c.line, code, out, err, e, c.code)
		}
		if line.Level != "fatal" || line.Time == "" || !strings.Contains(line.Message, c.want) || line.Code != c.code {
			t.Errorf("%s: %+v, want a fatal message with %q and the exit code", c.line, line, c.want)
		}
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
