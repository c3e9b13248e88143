package record_test

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/bench/figure"
	"director/bench/machine"
	"director/bench/record"
)

// quiet returns a record of a machine without disturbances.
func quiet() *record.Record {
	return &record.Record{
		Begin: time.Date(2026, 11, 26, 23, 30, 0, 0, time.FixedZone("", -3600)),
		Machine: machine.Facts{
			OS: "linux", Arch: "amd64", Model: "AMD EPYC", NumCPU: 2, Caches: []string{"L1d 32K", "L2 512K"}, Memory: 24 << 30,
			Kernel: "6.18.44", HugePages: "madvise", Load: "0.50 0.10 0.20",
		},
		Build: &debug.BuildInfo{GoVersion: "go1.26.8", Path: "director/cmd/director", Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "53e884e"}, {Key: "vcs.modified", Value: "false"},
			{Key: "GOAMD64", Value: "v3"}, {Key: "-pgo", Value: "default.pgo"},
		}},
		Commands: []string{"make build GOAMD64=v3", "./director bench record"},
		Parts: []record.Part{{
			Name: "bench micro", Command: "./director bench micro --only='a|b'", Took: 61 * time.Second,
			Figures: []figure.Figure{
				figure.Judge("floor / memory", 0.08, figure.AtMost, 0.12), figure.Judge("dr/hit/1 / memory", 0.4567, figure.AtMost, 0.35),
			},
			Steady: []record.Row{
				{Name: "memory", Spread: figure.Spread{Min: 88, Median: 100, Max: 114}}, {Name: "floor", Spread: figure.Spread{Min: 10, Median: 10, Max: 10}},
			},
			Used:   &machine.Usage{Total: 100 * time.Second, Others: 2 * time.Second, Stolen: time.Second},
			Alone:  true,
			Tables: "row  ns/packet\nfloor  8\n",
		}, {
			Name: "bench lab", Command: "./director bench lab", Missing: "it needs root",
		}},
	}
}

func TestRecord_PutsTheFiguresFirst(t *testing.T) {
	text := quiet().String()
	after := text
	for _, want := range []string{
		"# Benchmarks, 2026-11-27, AMD EPYC, 2 CPUs\n\nThe machine was quiet: ",
		"### bench micro\n\n1 of 2 reached.\n\n| figure | value | to reach | met |\n|---|---|---|---|\n" +
			"| floor / memory | 0.08 | ≤ 0.12 | yes |\n| dr/hit/1 / memory | 0.457 | ≤ 0.35 | NO |\n",
		"### bench lab\n\nNot taken: it needs root.\n",
		"| CPU | AMD EPYC, 2 CPUs, amd64 |", "| caches | L1d 32K, L2 512K |", "| memory | 24.0 GiB |", "| virtual machine | no sign of it |",
		"| frequency governor | unknown |", "| system | linux 6.18.44 |", "| load averages at the beginning | 0.50 0.10 0.20 |", "| Go | go1.26.8 |",
		"| commit | 53e884e |", "| working tree | clean |", "| GOAMD64 | v3 |", "| profile (PGO) | default.pgo |",
		"bench micro took 1m1s. Meanwhile the hypervisor took 1.0 % of the CPUs, and other processes used 2.0 %.",
		"| memory | 0.88 | 1.14 |",
		"```sh\nmake build GOAMD64=v3\n./director bench record\n```", "```sh\n./director bench micro --only='a|b'\n./director bench lab\n```",
		"## All of bench micro\n\n```\nrow  ns/packet\nfloor  8\n```\n", "## The build\n", "\tvcs.modified=false\n",
	} {
		_, rest, ok := strings.Cut(after, want)
		if !ok {
			t.Fatalf("want %q behind what was found before, in\n%s", want, text)
		}
		after = rest
	}
	if strings.Contains(text, "WARNING") || strings.Contains(text, "All of bench lab") {
		t.Errorf("got\n%s\nwant no warning, and no table of a part that was not run", text)
	}
}

func TestRecord_CallsNoRunQuietThatWasNot(t *testing.T) {
	for name, c := range map[string]struct {
		disturb func(r *record.Record)
		want    []string
	}{
		"load":         {func(r *record.Record) { r.Machine.Load = "0.51 0.10 0.20" }, []string{"the load average was 0.51 at the beginning, more than 0.5"}},
		"load unknown": {func(r *record.Record) { r.Machine.Load = "" }, []string{"the load average at the beginning is unknown"}},
		"memory": {func(r *record.Record) { r.Parts[0].Steady[0].Spread = figure.Spread{Min: 100, Median: 100, Max: 116} },
			[]string{"bench micro: the maximum of memory is 1.16 times the median, more than 1.15"}},
		"floor": {func(r *record.Record) { r.Parts[0].Steady[1].Spread = figure.Spread{Min: 8, Median: 10, Max: 12} },
			[]string{"bench micro: the maximum of floor is 1.20 times the median, more than 1.15", "bench micro: the median of floor is 1.25 times the minimum, more than 1.15"}},
		"others":                         {func(r *record.Record) { r.Parts[0].Used.Others = 3 * time.Second }, []string{"bench micro: other processes used 3.0 % of the CPUs, more than 2 %"}},
		"others that cannot be measured": {func(r *record.Record) { r.Parts[0].Used.Others, r.Parts[0].Alone = 3*time.Second, false }, nil},
		"hypervisor":                     {func(r *record.Record) { r.Parts[0].Used.Stolen = 4 * time.Second }, []string{"bench micro: the hypervisor took 4.0 % of the CPUs, more than 2 %"}},
	} {
		r := quiet()
		c.disturb(r)
		if diff := cmp.Diff(c.want, r.Disturbances()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		text := r.String()
		for _, w := range c.want {
			if !strings.Contains(text, "\n* WARNING: "+w+"\n") || strings.Contains(text, "was quiet:") {
				t.Errorf("%s: got\n%s\nwant a warning that %s", name, text, w)
			}
		}
	}
}

func TestRecord_SaysWhatItDoesNotKnow(t *testing.T) {
	r := quiet()
	r.Build, r.Quick, r.Parts[0].Used = nil, true, nil
	figure.Unjudged(r.Parts[0].Figures)
	r.Parts[1].Missing = ""
	text := r.String()
	for _, want := range []string{
		"**A quick run**", "### bench micro\n\n| figure | value | to reach | met |\n", "| floor / memory | 0.08 | ≤ 0.12 |  |", "| build | unknown |", "bench micro took 1m1s.\n",
		"### bench lab\n\nNone: ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %q in it", text, want)
		}
	}
	for _, c := range []struct {
		settings []debug.BuildSetting
		commit   string
		want     []string
	}{
		{[]debug.BuildSetting{{Key: "-race", Value: "true"}}, "", []string{"| commit | unknown |", "| profile (PGO) | none |", "| race detector | ON"}},
		{nil, "53e884e-dirty", []string{"| commit | 53e884e-dirty, as given by "}},
		{[]debug.BuildSetting{{Key: "vcs.revision", Value: "85eb862"}, {Key: "vcs.modified", Value: "true"}}, "53e884e",
			[]string{"| commit | 85eb862 |\n| working tree | CHANGED "}},
	} {
		r.Build, r.Commit = &debug.BuildInfo{Settings: c.settings}, c.commit
		text = r.String()
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("got\n%s\nwant %q in it", text, want)
			}
		}
	}
}

func TestSave_OverwritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bench", "results")
	r := quiet()
	for _, want := range []string{"2026-11-27-amd-epyc-2cpu.md", "2026-11-27-amd-epyc-2cpu-2.md", "2026-11-27-amd-epyc-2cpu-3.md"} {
		name, err := r.Save(dir)
		if err != nil {
			t.Fatal(err)
		}
		if name != filepath.Join(dir, want) {
			t.Errorf("saved as %s, want %s", name, want)
		}
		if text, err := os.ReadFile(name); err != nil || string(text) != r.String() {
			t.Errorf("%s: %v, or not the record", name, err)
		}
	}
	if _, err := r.Save(filepath.Join(dir, "2026-11-27-amd-epyc-2cpu.md")); err == nil {
		t.Error("no error where the directory is a file")
	}
}
