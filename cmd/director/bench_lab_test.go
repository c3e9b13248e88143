//go:build linux

package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"director/bench/lab"
	"director/internal/cli"
	"director/internal/lab/labtest"
)

// benchUnderTest makes benchmarks start the director under test, until the test ends.
// Without it they would start the test binary, which would run all tests again.
func benchUnderTest(t *testing.T) {
	t.Helper()
	before := benchSelf
	benchSelf = func(args ...string) *exec.Cmd { return directorCommand(args...) }
	t.Cleanup(func() { benchSelf = before })
}

// runQuickLab runs bench lab with the director under test, on all CPUs, and returns its
// output.
func runQuickLab(t *testing.T, line string) (out string) {
	t.Helper()
	labtest.RequireRoot(t)
	benchUnderTest(t)
	code, out, stderr := direct("", "bench lab --quick "+line)
	if code != cli.OK {
		t.Fatalf("exit %d, stderr\n%s", code, stderr)
	}
	return out
}

func TestBenchLab_EveryContenderForwards(t *testing.T) {
	var r lab.Result
	for try := 1; ; try++ {
		r = lab.Result{}
		d := json.NewDecoder(strings.NewReader(runQuickLab(t, "--json")))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		// On a busy machine a short row may end before the first packet arrives.
		stuck := slices.ContainsFunc(r.Throughput, func(row lab.Throughput) bool { return row.PPS.Median <= 0 }) ||
			slices.ContainsFunc(r.Latency, func(row lab.Latency) bool { return row.Trips == 0 }) ||
			slices.ContainsFunc(r.Loss, func(row lab.Loss) bool { return row.Arrived == 0 })
		if !stuck || try == 5 {
			break
		}
		t.Logf("measured once more: %+v", r)
	}
	if len(r.Machine.Kernel) == 0 || len(r.Places) == 0 || r.Repetitions != 1 {
		t.Errorf("machine %+v, places %v, %d repetitions: want both and 1 repetition", r.Machine, r.Places, r.Repetitions)
	}
	rows := map[string]bool{}
	busy := 0.0 // a short row may have been sampled as idle on a busy machine
	for _, row := range r.Throughput {
		rows[row.Name] = true
		busy += row.Busy
		if row.PPS.Median <= 0 || row.Otherwise != 0 || row.Busy < 0 {
			t.Errorf("%+v: want packets, and no wrong ones", row)
		}
	}
	if busy <= 0 {
		t.Error("no row used any CPU")
	}
	for _, row := range r.Latency {
		rows[row.Name] = true
		if row.P50 <= 0 || row.P99 < row.P50 || row.Trips == 0 {
			t.Errorf("%+v: want round trips", row)
		}
	}
	for _, row := range r.Loss {
		rows[row.Name] = true
		if row.Rate <= 0 || row.Arrived == 0 {
			t.Errorf("%+v: want packets", row)
		}
	}
	for _, row := range r.Idle {
		rows[row.Name] = true
		if row.CPU <= 0 || !strings.HasSuffix(row.Table, "connections of 8192") {
			t.Errorf("%+v: want some CPU time and a full table", row)
		}
	}
	for _, f := range r.Figures {
		if f.Met != nil {
			t.Errorf("%+v: want no verdict on a quick run", f)
		}
	}
	for _, name := range wantedRows(&r) {
		if !rows[name] {
			t.Errorf("no row %s, got only %v", name, rows)
		}
	}
}

// wantedRows returns the rows that a run must have on this machine.
func wantedRows(r *lab.Result) (names []string) {
	kernel := []string{"forward"}
	if _, err := exec.LookPath("nft"); err == nil {
		kernel = append(kernel, "nft")
	}
	for _, p := range r.Places {
		suffix := "/1/1k"
		if p.Workers == 2 {
			suffix = "/2/1k"
		} else if len(r.CPUs) > 1 {
			for _, c := range kernel {
				names = append(names, c+"+rps"+suffix)
			}
		}
		for _, c := range append([]string{"xsk"}, kernel...) {
			names = append(names, c+suffix)
		}
		for _, m := range []string{"nat", "dr", "tun"} {
			for _, io := range []string{"xdp", "packet"} {
				names = append(names, "director-"+m+"-"+io+suffix, "loss/director-"+m+"-"+io)
				if m != "tun" {
					names = append(names, "latency/director-"+m+"-"+io)
				}
			}
		}
	}
	return append(names, "latency/forward", "idle/director-dr-xdp", "idle/director-dr-packet")
}

func TestBenchLab_PrintsATable(t *testing.T) {
	out := runQuickLab(t, "--cpus=0 --only=^(xsk/1|director-dr-xdp/1|forward/)")
	for _, want := range []string{"\n1 worker(s):\n  CPU 0: source of queue 0", "xsk/1/1k ", "director-dr-xdp/1/1k ", "Not taken: */2/*: "} {
		if !strings.Contains(out, want) {
			t.Errorf("got\n%s\nwant %q in it", out, want)
		}
	}
}

func TestBenchLab_RefusesWhatItCannotDo(t *testing.T) {
	labtest.RequireRoot(t)
	for line, want := range map[string]string{
		"--cpus=x":           "--cpus",
		"--only=(":           "--only: ",
		"--only=^sctp":       "no row has a name",
		"--repetitions=0":    "0 repetitions",
		"--duration=1ms":     "a window of 1ms",
		"--fast":             "unknown flag: --fast",
		"all":                "unexpected argument",
		"--duration=forever": "invalid argument",
	} {
		code, out, err := direct("", "bench lab "+line)
		if code != cli.Usage || out != "" || !strings.Contains(err, want) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q, want exit 2 and %q", line, code, out, err, want)
		}
	}
	if code, out, _ := direct("", "bench lab --help"); code != cli.OK || !strings.Contains(out, "--repetitions int") {
		t.Errorf("--help: exit %d\n%s", code, out)
	}
}
