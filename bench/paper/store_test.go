package paper_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"director/bench/paper"
)

func begun() paper.Run {
	return paper.Run{
		Options: paper.Options{Repetitions: 3, Duration: 2 * time.Second, Warmup: 500 * time.Millisecond},
		Workers: 2, Cap: 1000, Ceiling: 8000, Quota: 0.1,
		Skipped: map[string]string{"ipvs/rs4": "the kernel has no IPVS"},
	}
}

func point(rate float64, repetition int) paper.Point {
	return paper.Point{
		Setup:   paper.Setup{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: 4, Cap: 1000, Quota: 0.25, GiantLock: true},
		Offered: rate, Repetition: repetition, Started: 100, Replies: 99, Timeouts: 1, ReplyRate: rate / 1.1, P50: 123.5, Fault: "a, \"b\"\nc",
	}
}

func open(t *testing.T, dir string) *paper.Store {
	t.Helper()
	s, err := paper.Open(dir, begun())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A run that is continued has all measurements of before.
func TestStore_GoesOnWhereItEnded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	usage := []paper.Usage{{Subject: "director", User: 0.1, Sys: 0.4, SysDev: 0.01}, {Subject: "cpu0", Idle: 0.2}}
	must(t, s.AddPoint(point(1000, 1), usage))
	must(t, s.AddPoint(point(2000, 1), nil))
	sweep := paper.Transfer{Setup: paper.Setup{Balancer: paper.Direct, Servers: 1}, Bytes: 64, Repetition: 1, Turns: 10, Seconds: 0.001}
	must(t, s.AddTransfer(sweep))
	again := open(t, dir)
	if diff := cmp.Diff(s.Data, again.Data); diff != "" {
		t.Errorf("read again (-written +read):\n%s", diff)
	}
	if key := again.Points[0].Key(); !again.Has(key) {
		t.Errorf("%s is to be measured again", key)
	}
	if !again.Has(sweep.Key()) {
		t.Errorf("%s is to be measured again", sweep.Key())
	}
	p := point(1000, 2)
	if again.Has(p.Key()) {
		t.Errorf("%s is reported as measured", p.Key())
	}
}

// The time of a message is half of a round trip. The repetitions of a size are one
// step.
func TestSteps_AreMeansOfTransfers(t *testing.T) {
	direct := paper.Setup{Balancer: paper.Direct, Servers: 1}
	d := &paper.Data{}
	for r, seconds := range []float64{1, 3} {
		d.Transfers = append(d.Transfers, paper.Transfer{Setup: direct, Bytes: 4, Repetition: r + 1, Turns: 1000, Seconds: seconds})
	}
	steps := d.Steps(direct)
	if len(steps) != 1 || steps[0].N != 2 || steps[0].Latency.Median != 1000 || steps[0].Throughput.Median != (64e3+64e3/3)/2 {
		t.Errorf("%+v: want a step of 4 bytes, 1000 µs, 64 and 21.3 kb/s", steps)
	}
	if len(d.Steps(paper.Setup{Balancer: paper.Forward, Servers: 1})) != 0 {
		t.Error("got steps without measurements")
	}
}

// A crash during the writing of a row loses that point only.
func TestStore_SurvivesACutOffRow(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	must(t, s.AddPoint(point(1000, 1), []paper.Usage{{Subject: "director", User: 1}}))
	must(t, s.AddPoint(point(2000, 1), []paper.Usage{{Subject: "director", User: 2}}))
	file := filepath.Join(dir, "points.csv")
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, text[:len(text)-5], 0o644))
	s = open(t, dir)
	second := point(2000, 1)
	if len(s.Points) != 1 || s.Has(second.Key()) || len(s.Usage) != 1 {
		t.Fatalf("%d points, usage of %d: want the first one", len(s.Points), len(s.Usage))
	}
	must(t, s.AddPoint(second, []paper.Usage{{Subject: "director", User: 3}}))
	s = open(t, dir)
	if got := s.Usage[second.Key()]; len(s.Points) != 2 || len(got) != 1 || got[0].User != 3 {
		t.Errorf("%d points, usage %+v: want both points, and the later usage", len(s.Points), got)
	}
}

func TestStore_MixesNoOptions(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	other := begun()
	other.Options.Duration = time.Second
	if _, err := paper.Open(dir, other); !errors.Is(err, paper.ErrOther) {
		t.Errorf("got %v, want %v", err, paper.ErrOther)
	}
}
