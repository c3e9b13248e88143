package paper_test

import (
	"testing"
	"time"

	"director/bench/paper"
)

func full() paper.Run {
	return paper.Run{
		Options: paper.Options{Repetitions: 3, Duration: 2 * time.Second, Warmup: 500 * time.Millisecond},
		Workers: 2, Cap: 1000, Ceiling: 8000, Quota: 0.1,
	}
}

func TestX(t *testing.T) {
	run := full()
	s, err := paper.Open(t.TempDir(), run)
	if err != nil { t.Fatal(err) }
	f := paper.Figures(&s.Run)
	jobs := paper.Plan(f, s)
	n := 0
	for _, j := range jobs { n += len(j.Rates); if j.Repetition == 1 { t.Log(j.Setup.Key(), j.Rates, j.Sizes, j.SYNs) } }
	t.Log(len(jobs), n, paper.Estimate(jobs, &s.Run.Options))
	s.Run.Options.Quick = true; s.Run.Options.Repetitions = 1; s.Run.Options.Duration = 500*time.Millisecond; s.Run.Options.Warmup = 200*time.Millisecond
	jobs = paper.Plan(f, s)
	n = 0
	for _, j := range jobs { n += len(j.Rates) }
	t.Log(len(jobs), n, paper.Estimate(jobs, &s.Run.Options))
}
