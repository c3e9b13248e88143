package bed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"director/bench/paper"
)

// Run measures what figures need and a store does not have. If ctx ends it stops
// early; everything measured so far is saved.
type Run struct {
	Self  Self
	CPUs  []int
	Store *paper.Store
	// Progress is called with the current step, the share of the figures that is
	// measured (from 0 to 1), and the remaining time. The numbers are 0 while
	// unknown.
	Progress func(what string, share float64, left time.Duration)

	whole time.Duration // estimated time of all jobs
}

// Take measures what the figures with these names need; no names means all figures.
// Setups that cannot be built are noted in the store and left out.
func (r *Run) Take(ctx context.Context, names []string) error {
	run := &r.Store.Run
	before, begun := run.Took, time.Now()
	run.Sittings++
	if run.Ceiling == 0 {
		if err := r.calibrate(ctx); err != nil {
			return err
		}
	}
	figures, unknown := paper.Select(paper.Figures(run), names)
	if len(unknown) > 0 {
		return fmt.Errorf("no such figures: %q", unknown)
	}
	if err := r.scale(ctx, figures); err != nil {
		return errors.Join(err, r.Store.SaveRun())
	}
	jobs := paper.Plan(figures, r.Store)
	r.whole = paper.Estimate(jobs, &run.Options)
	for i := range jobs {
		delete(run.Skipped, jobs[i].Setup.Key()) // what was missing may be available now
	}
	for i := range jobs {
		if _, skipped := run.Skipped[jobs[i].Setup.Key()]; skipped {
			continue
		}
		err := r.do(ctx, &jobs[i], func() time.Duration { return paper.Estimate(jobs[i:], &run.Options) })
		if errors.Is(err, ErrLacks) {
			run.Skipped[jobs[i].Setup.Key()] = err.Error()
			continue
		}
		run.Took = before + time.Since(begun)
		if err != nil {
			return errors.Join(err, r.Store.SaveRun())
		}
	}
	run.Complete = r.complete()
	return r.Store.SaveRun()
}

// complete reports whether all figures are measured, except setups that cannot be
// built here. It checks all figures, not only the requested ones.
func (r *Run) complete() bool {
	run := &r.Store.Run
	return !slices.ContainsFunc(paper.Plan(paper.Figures(run), r.Store), func(j paper.Job) bool {
		_, skipped := run.Skipped[j.Setup.Key()]
		return !skipped
	})
}

// do builds a setup and measures it.
func (r *Run) do(ctx context.Context, j *paper.Job, left func() time.Duration) (err error) {
	r.say(j.Setup.Key(), left())
	b, err := Build(ctx, r.Self, j.Setup, r.CPUs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	r.note(b.Versions())
	for _, size := range j.Sizes {
		r.say(fmt.Sprintf("%s, messages of %d bytes", j.Setup.Key(), size), left())
		t, err := b.Sweep(ctx, size)
		if err != nil {
			return err
		}
		t.Repetition = j.Repetition
		if err := r.Store.AddTransfer(t); err != nil {
			return err
		}
	}
	for _, rate := range j.Rates {
		r.say(fmt.Sprintf("%s, %g connections/s", j.Setup.Key(), rate), left())
		p, usage, err := b.Measure(ctx, rate, &r.Store.Run.Options)
		if err != nil {
			return err
		}
		p.Repetition = j.Repetition
		if err := r.Store.AddPoint(p, usage); err != nil {
			return err
		}
	}
	return nil
}

// note saves the versions of the programs that are used.
func (r *Run) note(versions map[string]string) {
	run := &r.Store.Run
	if run.Versions == nil {
		run.Versions = make(map[string]string)
	}
	maps.Copy(run.Versions, versions)
}

// say reports progress, if the caller asked for it.
func (r *Run) say(what string, left time.Duration) {
	if r.Progress == nil {
		return
	}
	share := 0.0
	if r.whole > 0 {
		share = 1 - left.Seconds()/r.whole.Seconds()
	}
	r.Progress(what, share, left)
}
