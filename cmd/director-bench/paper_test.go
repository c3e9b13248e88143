//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"director/bench/paper"
	"director/internal/cli"
	"director/internal/lab/labtest"
)

func TestBenchPaper_RefusesWhatItCannotDo(t *testing.T) {
	for args, want := range map[string]string{
		"--only=fig7,fig99": "--only: unknown figure: fig99",
		"--repetitions=0":   "--repetitions must be 1 or more",
		"--duration=1ms":    "--duration 100ms or more",
		"--cap=-1":          "--cap",
		"--cpus=9999":       "9999",
		"fig7":              `unexpected argument "fig7"`,
		"--balancer=a,b":    "a path without a comma",
		"--suite=/nowhere":  "--suite: open /nowhere",
		"--price=-1":        "--price",
	} {
		if code, out, errs := direct("paper " + args); code != cli.Usage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, stderr %q, want %d and %q", args, code, errs, cli.Usage, want)
		}
	}
}

func TestBar_IsAsLongAsItsShare(t *testing.T) {
	for share, want := range map[float64]int{-1: 0, 0: 0, 0.5: barWidth / 2, 0.999: barWidth - 1, 1: barWidth, 2: barWidth} {
		if got := bar(share); strings.Count(got, "█") != want || strings.Count(got, "░") != barWidth-want {
			t.Errorf("%v: got %s, want %d of %d columns full", share, got, want, barWidth)
		}
	}
}

// Rates and message sizes must have the units of their figures. A setup without data must
// be printed as not measured.
func TestPrintFigures_PrintsRatesAndMessageSizes(t *testing.T) {
	run := paper.Run{Cap: 100, Ceiling: 1000, Workers: 2}
	direct := paper.Setup{Balancer: paper.Direct, Servers: 1}
	d := &paper.Data{
		Run:       run,
		Points:    []paper.Point{{Setup: direct, Offered: 500, Repetition: 1, Started: 500, ReplyRate: 499, P50: 250, P99: 1500, Busy: 0.1}},
		Transfers: []paper.Transfer{{Setup: direct, Bytes: 1, Repetition: 1, Turns: 1000, Seconds: 0.02}, {Setup: direct, Bytes: 12 << 20, Repetition: 1, Turns: 1, Seconds: 0.2}},
	}
	figures, _ := paper.Select(paper.Figures(&run), []string{"fig3", "uncapped"})
	var out strings.Builder
	must(t, printFigures(&out, d, figures))
	for _, want := range []string{
		" µs for one byte most Mb/s Direct 10.0 1007 ", " NAT not measured ",
		" Direct 500 499 0.00 % 0.25 1.50 200 ",
	} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// A figure must be measured, printed and stored. A run with other options must not continue
// the stored one.
func TestBenchPaper_MeasuresAFigure(t *testing.T) {
	labtest.RequireRoot(t)
	dir := t.TempDir()
	suite := filepath.Join(t.TempDir(), "suite")
	must(t, os.WriteFile(suite, []byte("# what is measured\n--only=fig11\n\n--duration=1h\n"), 0o644))
	line := "paper --quick --suite=" + suite + " --duration=200ms --commit=53e884e --price=1000 --out=" + dir
	code, out, errs := direct(line)
	if code != cli.OK {
		t.Fatalf("%d %s", code, errs)
	}
	for _, want := range []string{"One capped server accepts ", "fig11: ", "DR, 1 worker, giant lock  ", " left: director-dr/", "The report is " + dir + "/index.html"} {
		if !strings.Contains(out+errs, want) {
			t.Errorf("no %q in\n%s%s", want, out, errs)
		}
	}
	if code, again, errs := direct(line); code != cli.OK || again != out || strings.Contains(errs, "connections/s,") {
		t.Errorf("the second run: exit %d, want the stored results without a new measurement, got\n%s%s", code, again, errs)
	}
	page := filepath.Join(dir, "index.html")
	before, err := os.ReadFile(page)
	must(t, err)
	for _, want := range []string{`<figure id="fig11">`, "53e884e", "This was a quick run"} {
		if !strings.Contains(string(before), want) {
			t.Errorf("the report does not contain %q", want)
		}
	}
	must(t, os.Remove(page))
	if code, out, errs := direct("paper --report-only --out=" + dir); code != cli.OK || out != "" {
		t.Errorf("--report-only: exit %d, stdout %q, stderr %q, want 0 and no output", code, out, errs)
	}
	if after, err := os.ReadFile(page); err != nil || string(after) != string(before) {
		t.Errorf("--report-only wrote a different report, want the same (%v)", err)
	}
	if code, _, errs := direct(line + " --cap=50"); code != cli.Usage || !strings.Contains(errs, "other options") {
		t.Errorf("with other options: exit %d, stderr %q, want 2 and an error about the options", code, errs)
	}
}
