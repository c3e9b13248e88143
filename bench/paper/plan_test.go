package paper_test

import (
	"slices"
	"testing"
	"time"

	"director/bench/paper"
)

// A plan contains what all figures need, once, without what is already measured.
func TestPlan_MeasuresEachPointOnce(t *testing.T) {
	s := open(t, t.TempDir())
	figures := paper.Figures(&s.Run)
	jobs := paper.Plan(figures, s)
	seen := map[string]int{}
	for _, j := range jobs {
		if !slices.IsSorted(j.Rates) {
			t.Errorf("%s is not in order: %+v", j.Setup.Key(), j)
		}
		for _, rate := range j.Rates {
			p := paper.Point{Setup: j.Setup, Offered: rate, Repetition: j.Repetition}
			seen[p.Key()]++
			must(t, s.AddPoint(p, nil))
		}
		for _, size := range j.Sizes {
			step := paper.Transfer{Setup: j.Setup, Bytes: size, Repetition: j.Repetition}
			seen[step.Key()]++
			must(t, s.AddTransfer(step))
		}
	}
	for key, n := range seen {
		if n > 1 {
			t.Errorf("%s is measured %d times", key, n)
		}
	}
	if jobs := paper.Plan(figures, s); len(jobs) > 0 {
		t.Errorf("when all is measured %d jobs are left, such as %+v", len(jobs), jobs[0])
	}
	for _, f := range figures {
		for _, c := range f.Curves {
			for _, rate := range f.Rates(c.Setup, &s.Run) {
				for r := range 3 {
					p := paper.Point{Setup: c.Setup, Offered: rate, Repetition: r + 1}
					if !s.Has(p.Key()) {
						t.Errorf("%s: %s is missing", f.ID, p.Key())
					}
				}
			}
		}
	}
}

// A full run must take 90 minutes at most, a quick run 5.
func TestPlan_TakesItsTime(t *testing.T) {
	for quick, most := range map[bool]time.Duration{false: 80 * time.Minute, true: 5 * time.Minute} {
		run := begun()
		if quick {
			run.Options = paper.Options{Quick: true, Repetitions: 1, Duration: 400 * time.Millisecond, Warmup: 100 * time.Millisecond}
		}
		s, err := paper.Open(t.TempDir(), run)
		must(t, err)
		if got := paper.Estimate(paper.Plan(paper.Figures(&s.Run), s), &s.Run.Options); got > most {
			t.Errorf("quick %v: %v, want at most %v", quick, got, most)
		}
	}
}

func TestFigures_CanBeToldApart(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		run := begun()
		run.Workers = workers
		ids := map[string]bool{}
		for _, f := range paper.Figures(&run) {
			if ids[f.ID] || f.ID == "" || f.Title == "" || f.Kind == "" {
				t.Errorf("figure %+v: twice, or without a name", f)
			}
			ids[f.ID] = true
			labels := map[string]bool{}
			for _, c := range f.Curves {
				if labels[c.Label] && workers > 1 { // with one worker, "all workers" has the same label
					t.Errorf("%d workers: %s has two curves %q", workers, f.ID, c.Label)
				}
				labels[c.Label] = true
			}
		}
		for _, want := range []string{"fig3", "fig6", "fig14", "fig15", "fig18", "fig19", "fig20", "testlvs", "peers"} {
			if !ids[want] {
				t.Errorf("there is no %s", want)
			}
		}
	}
	chosen, unknown := paper.Select(paper.Figures(new(begun())), []string{"fig7", "fig99", "fig14"})
	if len(chosen) != 2 || chosen[0].ID != "fig7" || len(unknown) != 1 || unknown[0] != "fig99" {
		t.Errorf("chosen %d, unknown %v", len(chosen), unknown)
	}
}

func TestSetup_KeysAreAllDifferent(t *testing.T) {
	keys := map[string]paper.Setup{}
	for _, s := range paper.SetupsOf(paper.Figures(new(begun()))) {
		if other, ok := keys[s.Key()]; ok {
			t.Errorf("%s is %+v and %+v", s.Key(), s, other)
		}
		keys[s.Key()] = s
	}
}

// A quick run uses few rates of each figure. A script is named after its file.
func TestFigures_OfAQuickRunAreFew(t *testing.T) {
	run := begun()
	run.Options.Balancers = "/somewhere/mine.sh"
	chosen, _ := paper.Select(paper.Figures(&run), []string{"peers"})
	peers := chosen[0]
	last := peers.Curves[len(peers.Curves)-1]
	if last.Label != "mine.sh" || last.Setup.Balancer != run.Options.Balancers {
		t.Errorf("the last balancer is %+v", last)
	}
	whole := peers.Rates(last.Setup, &run)
	run.Options.Quick = true
	if few := peers.Rates(last.Setup, &run); len(few) != 3 || len(whole) != 9 {
		t.Errorf("rates %v of %v: want three of nine", few, whole)
	}
}
