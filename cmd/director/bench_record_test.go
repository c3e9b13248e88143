//go:build linux

package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"director/internal/cli"
	"director/internal/lab/labtest"
)

// recordFile runs bench record. It returns the text of the file that bench record writes,
// and its standard error.
func recordFile(t *testing.T, line string) (text, stderr string) {
	t.Helper()
	benchUnderTest(t)
	dir := filepath.Join(t.TempDir(), "results")
	code, out, stderr := direct("", "bench record --out="+dir+" "+line)
	if code != cli.OK {
		t.Fatalf("exit %d, stderr\n%s", code, stderr)
	}
	name := strings.TrimSpace(out)
	if filepath.Dir(name) != dir || !strings.HasSuffix(name, "cpu.md") {
		t.Errorf("stdout %q, want the name of a file in %s", out, dir)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), stderr
}

func TestBenchRecord_WritesWhatWasMeasured(t *testing.T) {
	const flags = "--commit=53e884e --parts=micro --quick --only=^dr/(hit|new)/1$"
	text, stderr := recordFile(t, flags)
	for _, want := range []string{
		"# Benchmarks, 2", "**A quick run**", "### bench micro\n\n| figure | value | to reach | met |\n", "\n| floor / memory | ", "\n| dr/hit/1 / memory | ",
		"\n| allocations of a packet, of the row with most | ", "### bench lab\n\nNot taken: it was not requested.\n",
		"\n| CPU | ", "\n| commit | 53e884e, ", "\n| Go | go1.", "\n| memory | ", "\n| floor | ", "bench micro took ",
		"\n./director bench record --out=", "\n./director bench micro --quick '--only=^dr/(hit|new)/1$'\n./director bench lab --quick '--only=^dr/(hit|new)/1$'\n",
		"## All of bench micro\n\n```\n", " dr/hit/1 ", " dr/new/1 ", "\n4 repetitions of all rows in turn, 1 ms each", "## The build\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %q in it", text, want)
		}
	}
	if strings.Contains(text, "| yes |") || strings.Contains(text, "| NO |") {
		t.Errorf("got\n%s\nwant no verdict on a quick run", text)
	}
	if warned := strings.Contains(text, "* WARNING: "); warned == strings.Contains(text, "The machine was quiet:") || warned != strings.Contains(stderr, "not quiet: ") {
		t.Errorf("got\n%s\nstderr\n%s\nwant the warning in both, or in neither and a quiet machine", text, stderr)
	}
}

func TestBenchRecord_RunsThePartThatHasTheRows(t *testing.T) {
	text, _ := recordFile(t, "--quick --only=^dr/hit/1$")
	if !strings.Contains(text, "\n| dr/hit/1 / memory | ") || !strings.Contains(text, "### bench lab\n\nNot taken: ") {
		t.Errorf("got\n%s\nwant the rows of bench micro, and the reason why bench lab has none", text)
	}
}

func TestBenchRecord_RunsBenchLabAsRoot(t *testing.T) {
	labtest.RequireRoot(t)
	text, _ := recordFile(t, "--quick --parts=lab --only=^(xsk|director-dr-xdp)/1")
	for _, want := range []string{
		"### bench micro\n\nNot taken: it was not requested.\n", " director-dr-xdp/1/1k ", "\nbench lab took ",
		"\n| xsk/1/1k | 1.00 | 1.00 |\n", "## All of bench lab\n\n```\n", " director-dr-xdp/1/1k ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %q in it", text, want)
		}
	}
}

func TestBenchRecord_RefusesWhatItCannotDo(t *testing.T) {
	benchUnderTest(t)
	for line, want := range map[string]string{
		"--parts=macro":      `--parts: there is no benchmark "macro"`,
		"--parts=":           "--parts: nothing to record",
		"--cpus=x":           "--cpus",
		"--only=(":           "--only: ",
		"--quick --only=^xy": "no row has a name",
		"--fast":             "unknown flag: --fast",
		"all":                "unexpected argument",
		"--parts=micro --quick --only=^dr/hit/1$ --out=/dev/null/here": "--out: ",
	} {
		code, out, err := direct("", "bench record "+line)
		if code != cli.Usage || out != "" || !strings.Contains(err, want) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q, want exit 2 and %q", line, code, out, err, want)
		}
	}
	if code, out, _ := direct("", "bench record --help"); code != cli.OK || !strings.Contains(out, "--out string") {
		t.Errorf("--help: exit %d\n%s", code, out)
	}
}

func TestCommands_BuildTheMeasuredBinary(t *testing.T) {
	stamped := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "85eb862"}, {Key: "GOAMD64", Value: "v3"}}}
	const again = "./director bench record --quick"
	for _, c := range []struct {
		build  *debug.BuildInfo
		commit string // of the flag --commit
		want   []string
	}{
		{nil, "", []string{"make build", again}},
		{nil, "53e884e-dirty", []string{"git checkout 53e884e", "make build", again}},
		{stamped, "53e884e", []string{"git checkout 85eb862", "make build GOAMD64=v3", again}},
	} {
		if got := commands(c.build, c.commit, []string{"--quick"}); !slices.Equal(got, c.want) {
			t.Errorf("--commit=%s: got %q, want %q", c.commit, got, c.want)
		}
	}
}

func TestShellLine_QuotesWhatAShellWouldSplit(t *testing.T) {
	got := shellLine([]string{"./director", "--cpus=2-3", "--only=^a|b's$", ""})
	if want := `./director --cpus=2-3 '--only=^a|b'\''s$' ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
