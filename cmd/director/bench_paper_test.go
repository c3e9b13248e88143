package main

import (
	"director/internal/lab/labtest"
	"os/exec"
	"strings"
	"testing"
)

func TestBenchPaper_RefusesWhatItCannotDo(t *testing.T) {
	for args, says := range map[string]string{
		"--only=fig7,fig99": "--only: no such figure: fig99",
		"--repetitions=0":   "--repetitions must be 1 or more",
		"--duration=1ms":    "--duration 100ms or more",
		"--cap=-1":          "--cap",
		"--cpus=9999":       "9999",
		"fig7":              `unexpected argument "fig7"`,
	} {
		if code, out, errs := direct("", "bench paper "+args); code != exitUsage || out != "" || !strings.Contains(errs, says) {
			t.Errorf("%s: %d %q, want %d and %q", args, code, errs, exitUsage, says)
		}
	}
}

// What a figure wants is measured, printed and kept; options of another run are
// refused.
func TestBenchPaper_TakesAFigure(t *testing.T) {
	labtest.RequireRoot(t)
	before := benchSelf
	benchSelf = func(args ...string) *exec.Cmd { return directorCommand(args...) }
	t.Cleanup(func() { benchSelf = before })
	line := "bench paper --quick --only=fig11 --duration=200ms --out=" + t.TempDir()
	code, out, errs := direct("", line)
	if code != exitOK {
		t.Fatalf("%d %s", code, errs)
	}
	for _, want := range []string{"One capped server takes ", "fig11: ", "DR, 1 worker, giant lock  ", "left\n"} {
		if !strings.Contains(out+errs, want) {
			t.Errorf("no %q in\n%s%s", want, out, errs)
		}
	}
	if code, again, errs := direct("", line); code != exitOK || again != out || strings.Contains(errs, "connections/s,") {
		t.Errorf("again: %d, measured once more or printed otherwise:\n%s%s", code, again, errs)
	}
	if code, _, errs := direct("", line+" --cap=50"); code != exitUsage || !strings.Contains(errs, "other options") {
		t.Errorf("other options: %d %s", code, errs)
	}
}
