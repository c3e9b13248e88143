package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"director/bench/micro"
	"director/internal/cli"
)

func TestBench_ListsItsVerbs(t *testing.T) {
	if code, out, err := direct("", "bench"); code != cli.Usage || out != "" || !strings.HasPrefix(err, "Usage: director bench VERB") || !strings.Contains(err, "  micro ") {
		t.Errorf("exit %d, stdout %q, stderr\n%s\nwant exit 2 and the verbs", code, out, err)
	}
	if code, out, err := direct("", "bench --help"); code != cli.OK || err != "" || !strings.Contains(out, "  micro ") {
		t.Errorf("exit %d, stdout\n%s\nstderr %q, want exit 0 and the verbs", code, out, err)
	}
}

func TestBench_RefusesAnUnknownVerb(t *testing.T) {
	for _, verb := range []string{"macro", "--quick"} {
		code, out, err := direct("", "bench "+verb)
		if want := verb + ": unknown verb: \"director bench --help\" lists them\n"; code != cli.Usage || out != "" || err != want {
			t.Errorf("got exit %d, stdout %q, stderr %q, want exit 2, nothing, %q", code, out, err, want)
		}
	}
}

// fewRows selects rows that a small table is enough for, and a short run.
const fewRows = "--quick --conn-table-size=8192 --only=^(nat-in|nat-reply|dr|tun)/(hit|new)/1k?$"

func TestBenchMicro_PrintsJSON(t *testing.T) {
	code, out, stderr := direct("", "bench micro --json "+fewRows)
	if code != cli.OK {
		t.Fatalf("exit %d, stderr\n%s", code, stderr)
	}
	var r micro.Result
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	var got []string
	for _, c := range r.Cases {
		got = append(got, c.Name)
		if c.NS.Median <= 0 {
			t.Errorf("%s: %+v: want a time", c.Name, c)
		}
	}
	for _, f := range r.Figures {
		if f.Met != nil {
			t.Errorf("%+v: want no verdict on a quick run", f)
		}
	}
	want := []string{
		"nat-in/hit/1", "nat-in/hit/1k", "nat-in/new/1", "nat-in/new/1k", "nat-reply/hit/1", "nat-reply/hit/1k",
		"dr/hit/1", "dr/hit/1k", "dr/new/1", "dr/new/1k", "tun/hit/1", "tun/hit/1k", "tun/new/1", "tun/new/1k",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got the rows %q, want %q", got, want)
	}
	if r.TableSize != 8192 || r.Repetitions != micro.Defaults().Quick().Repetitions {
		t.Errorf("got a table for %d and %d repetitions, want those of the command line", r.TableSize, r.Repetitions)
	}
}

func TestBenchMicro_PrintsATableAndAProfile(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "cpu.pprof")
	code, out, stderr := direct("", "bench micro --repetitions=3 --time=2ms --cpuprofile="+profile+" "+fewRows)
	if code != cli.OK || !strings.Contains(out, "\n3 repetitions of all rows in turn, 2 ms each") || !strings.Contains(out, "tun/new/1k ") {
		t.Errorf("exit %d, stdout\n%s\nstderr\n%s", code, out, stderr)
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("no profile: %v", err)
	}
}

func TestBenchMicro_RefusesWhatItCannotDo(t *testing.T) {
	for line, want := range map[string]string{
		"--cpus=x":             "--cpus",
		"--cpus=1023":          "--cpus",
		"--only=(":             "--only: ",
		"--quick --only=^sctp": "no row has a name",
		"--quick --conn-table-size=10 --only=hit/1k": "the connection table is too small",
		"--cpuprofile=/nowhere/at/all":               "--cpuprofile: ",
		"--fast":                                     "unknown flag: --fast",
		"all":                                        "unexpected argument",
		"--conn-table-size=0":                        "want a table for 1 to",
	} {
		code, out, err := direct("", "bench micro "+line)
		if code != cli.Usage || out != "" || !strings.Contains(err, want) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q, want exit 2 and %q", line, code, out, err, want)
		}
	}
	code, out, _ := direct("", "bench micro --help")
	if code != cli.OK || !strings.Contains(out, "--conn-table-size int") {
		t.Errorf("--help: exit %d\n%s", code, out)
	}
}
