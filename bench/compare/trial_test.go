package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"director/bench/figure"
	"director/bench/micro"
)

// result returns a result with a row of each kind. Its times are percent % of a
// base value.
func result(percent float64) *micro.Result {
	p := percent / 100
	return &micro.Result{
		Machine:   micro.Machine{Go: "go1.26", Build: map[string]string{"GOAMD64": "v3"}},
		Memory:    micro.Reference{NS: figure.Spread{Min: 90, Median: 100, Max: 110}},
		Floor:     micro.Reference{NS: figure.Spread{Min: 9, Median: 10, Max: 11}},
		Cases:     []micro.Case{{Name: "dr/hit/1", NS: figure.Spread{Min: 20 * p, Median: 30 * p, Max: 40 * p}}},
		Stages:    []micro.StageCase{{Name: "stages/dr/hit/1", Stages: map[string]float64{"parse": 5 * p, "look-up": 6 * p}}},
		Scaling:   []micro.Scaling{{Name: "scaling/hit/2", Mpps: figure.Spread{Min: 8 / p, Median: 10 / p, Max: 20 / p}}},
		Batch:     []micro.BatchTimes{{P50: 3 * p, P999: 4 * p}, {Expiring: true, P50: 5 * p, P999: 6 * p}},
		Footprint: &micro.Footprint{Bytes: 192 * p},
	}
}

func TestTrial_MeasuresInTurnAndCompares(t *testing.T) {
	var calls []string
	times := map[string][]float64{"./a": {100, 120, 110}, "./b": {50, 130, 60}}
	x := trial{rounds: 3, args: []string{"--json"}, say: func(string) {}, measure: func(command []string) (*micro.Result, error) {
		calls = append(calls, strings.Join(command, " "))
		round := times[command[0]]
		times[command[0]] = round[1:]
		return result(round[0]), nil
	}}
	if err := x.name("./a", " ./b --huge-pages=false  --cpus=1 "); err != nil {
		t.Fatal(err)
	}
	if err := x.run(); err != nil {
		t.Fatal(err)
	}
	a, b := "./a bench micro --json", "./b bench micro --json --huge-pages=false --cpus=1"
	if want := []string{a, b, a, b, a, b}; !slices.Equal(calls, want) {
		t.Errorf("ran %q, want %q", calls, want)
	}
	var out strings.Builder
	if err := x.write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"A: " + a + "\n   go1\\.26 GOAMD64=v3", "B: " + b + "\n",
		`memory +ns +90\.00 +100\.00 +90\.00 +100\.00 +1\.000 +1\.000 +0 of 3`,
		`dr/hit/1 +ns +20\.00 +33\.00 +10\.00 +18\.00 +0\.500 +0\.545 +2 of 3`,
		`stages/dr/hit/1 parse +ns +5\.00 +5\.50 +2\.50 +3\.00`,
		`scaling/hit/2 +ns +50\.00 +110\.00 +25\.00 +60\.00 +0\.500 +0\.545`,
		`batch, connections stay, p50 +µs +3\.00 +3\.30 +1\.50`, `batch, connections end, p99\.9 +µs +6\.00 +6\.60 +3\.00`,
		`footprint +bytes +192\.00 +211\.20 +96\.00`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("nothing matches %s in\n%s", want, out.String())
		}
	}
}

func TestTrial_LeavesOutWhatOnlyOneHas(t *testing.T) {
	x := trial{rounds: 1, say: func(string) {}, measure: func(command []string) (*micro.Result, error) {
		r := result(100)
		if command[0] == "b" {
			r.Cases[0].Name = "dr/hit/2"
		}
		return r, nil
	}}
	if err := errors.Join(x.name("a", "b"), x.run()); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(x.rows, "dr/hit/1") || slices.Contains(x.rows, "dr/hit/2") || !slices.Contains(x.rows, "floor") {
		t.Errorf("rows %q, want the rows that both have", x.rows)
	}
}

func TestTrial_NeedsTwoAndARound(t *testing.T) {
	for _, c := range []struct {
		a, b   string
		rounds int
	}{{"", "b", 1}, {"a", " ", 1}, {"a", "b", 0}} {
		x := trial{rounds: c.rounds}
		if x.name(c.a, c.b) == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

// script writes a shell script with these lines and returns its path.
func script(t *testing.T, lines string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "director")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+lines+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestMeasure_ReadsWhatTheBinaryPrints(t *testing.T) {
	text, err := json.Marshal(result(100))
	if err != nil {
		t.Fatal(err)
	}
	r, err := measure([]string{script(t, "echo progress >&2; echo '"+string(text)+"'")})
	if err != nil || len(r.Cases) != 1 || r.Cases[0].Name != "dr/hit/1" {
		t.Errorf("%+v, %v", r, err)
	}
	for lines, want := range map[string]string{
		"echo no row has such a name >&2; exit 2": "no row has such a name", "echo nothing": "invalid character", "exit 0": "unexpected end",
	} {
		if _, err := measure([]string{script(t, lines)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", lines, err, want)
		}
	}
}

func TestRun_SaysHowItEnded(t *testing.T) {
	text, err := json.Marshal(result(100))
	if err != nil {
		t.Fatal(err)
	}
	works := script(t, "echo \"$@\" >&2; echo '"+string(text)+"'")
	fails := script(t, "echo no such row >&2; exit 2")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--a=" + works, "--b=" + works, "--rounds=1"}, 0, "floor"},
		{[]string{"--a=" + works, "--b=" + fails, "--rounds=1"}, 1, "no such row"},
		{[]string{"--a=" + works}, 2, "no B"},
		{[]string{"--a=" + works, "--b=" + works, "more"}, 2, "unexpected argument"},
		{[]string{"--fast"}, 2, "unknown flag"},
		{[]string{"--help"}, 0, "--rounds int"},
	} {
		var stdout, stderr strings.Builder
		code := run(c.args, &stdout, &stderr)
		if code != c.code || !strings.Contains(stdout.String()+stderr.String(), c.want) {
			t.Errorf("%q: exit %d, want %d and %q in\n%s%s", c.args, code, c.code, c.want, stdout.String(), stderr.String())
		}
	}
}

func TestArguments_AreThoseOfBenchMicro(t *testing.T) {
	got := arguments("^dr", "1", 3, 20*time.Millisecond)
	if want := []string{"--json", "--cpus=1", "--repetitions=3", "--time=20ms", "--only=^dr"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
