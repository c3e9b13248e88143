package bed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"director/bench/paper"
)

// Run measures what figures want and a store does not have. It ends early, with
// all that was measured kept, when ctx ends.
type Run struct {
	Self  Self
	CPUs  []int
	Store *paper.Store
	// Progress is told what is being done, and how long the rest will take.
	Progress func(what string, left time.Duration)
}

// Take measures what all figures with these names want, of all figures if there
// are none. What cannot be built here is noted in the store and left out.
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
	jobs := paper.Plan(figures, r.Store)
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
	run.Complete = len(names) == 0
	return r.Store.SaveRun()
}

// do builds a setup and measures on it.
func (r *Run) do(ctx context.Context, j *paper.Job, left func() time.Duration) error {
	r.say(j.Setup.Key(), left())
	b, err := Build(ctx, r.Self, j.Setup, r.CPUs)
	if err != nil {
		return err
	}
	o := &r.Store.Run.Options
	for _, rate := range j.Rates {
		r.say(fmt.Sprintf("%s, %g connections/s", j.Setup.Key(), rate), left())
		p, usage, err := b.Measure(ctx, rate, o)
		if err != nil {
			return errors.Join(err, b.Close())
		}
		p.Repetition = j.Repetition
		if err := r.Store.AddPoint(p, usage); err != nil {
			return errors.Join(err, b.Close())
		}
	}
	return b.Close()
}

func (r *Run) say(what string, left time.Duration) {
	if r.Progress != nil {
		r.Progress(what, left)
	}
}

// The bed's ceiling is looked for from a rate that every machine holds, by steps of
// this factor.
const (
	firstRate = 1000
	rateStep  = 1.4
)

// capOfCeiling is the share of the ceiling that a capped server takes, so that
// four of them leave CPU to spare; the paper's cap is the most.
const capOfCeiling = 0.15

// calibrate finds out what the machine does, which caps and rates follow from.
func (r *Run) calibrate(ctx context.Context) error {
	run := &r.Store.Run
	full := paper.Setup{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: 4}
	ceiling, perConnection, err := r.climb(ctx, full)
	if err != nil {
		return err
	}
	run.Ceiling = math.Floor(ceiling)
	run.Cap = run.Options.Cap
	if run.Cap == 0 {
		run.Cap = max(10, min(paper.PublishedCap, int(ceiling*capOfCeiling)/10*10))
	}
	// A worker's share at one and a half servers' cap, by what its process used.
	run.Quota = math.Round(1.5*float64(run.Cap)*perConnection*1000) / 1000
	if run.Skipped == nil {
		run.Skipped = make(map[string]string)
	}
	return r.Store.SaveRun()
}

// climb offers more and more until it is not answered, and returns the most
// replies per second, and the CPU seconds of the director's process for each.
func (r *Run) climb(ctx context.Context, s paper.Setup) (most, perConnection float64, err error) {
	b, err := Build(ctx, r.Self, s, r.CPUs)
	if err != nil {
		return 0, 0, err
	}
	for rate := float64(firstRate); ; rate *= rateStep {
		r.say(fmt.Sprintf("looking for the ceiling: %.0f connections/s", rate), 0)
		p, _, err := b.Measure(ctx, math.Round(rate), &r.Store.Run.Options)
		if err != nil {
			return 0, 0, errors.Join(err, b.Close())
		}
		if p.ReplyRate > most {
			most, perConnection = p.ReplyRate, p.Process/p.ReplyRate
		}
		if p.ReplyRate < 0.95*rate {
			return most, perConnection, b.Close()
		}
	}
}
