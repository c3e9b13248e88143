package bed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"slices"

	"director/bench/micro"
	"director/bench/paper"
	"director/internal/ranges"
)

// The search for the bed's ceiling starts at a rate that every machine can serve,
// and increases it by this factor.
const (
	firstRate = 1000
	rateStep  = 1.4
)

// capOfCeiling is a capped server's share of the ceiling. It is so small that four
// servers leave CPU time to spare. The cap is never higher than the paper's.
const capOfCeiling = 0.08

// calibrate measures the machine's limits, from which it derives caps and rates.
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
	if run.Skipped == nil {
		run.Skipped = make(map[string]string)
	}
	// The share that a worker needs at the rate of that many servers, from the CPU
	// time of its process.
	run.Quota = emulated * float64(run.Cap) * perConnection
	if err := r.adjust(ctx); err != nil && !errors.Is(err, ErrLacks) {
		return err
	}
	return r.Store.SaveRun()
}

// The rate, in capped servers, that a worker limited to a share of a CPU should
// serve, and the tolerance.
const (
	emulated = 1.5
	near     = 0.08
)

// adjust corrects the quota by measuring a worker that is limited to it. A worker
// that must wait for its share finds more frames in a batch, so each frame costs
// less.
func (r *Run) adjust(ctx context.Context) error {
	run := &r.Store.Run
	want := emulated * float64(run.Cap)
	for range 4 {
		run.Quota = math.Round(run.Quota*1e4) / 1e4
		r.say(fmt.Sprintf("looking for the quota: %g of a CPU", run.Quota), 0)
		s := paper.Setup{Balancer: paper.Director, Method: paper.DR, Workers: 1, Servers: 4, Cap: run.Cap, Quota: run.Quota}
		got, err := r.once(ctx, s, 2*want)
		if err != nil {
			return err
		}
		if math.Abs(got/want-1) < near {
			return nil
		}
		run.Quota *= min(2, max(0.5, want/max(got, 1)))
	}
	return nil
}

// once offers a rate to a setup, and returns the replies per second.
func (r *Run) once(ctx context.Context, s paper.Setup, rate float64) (float64, error) {
	b, err := Build(ctx, r.Self, s, r.CPUs)
	if err != nil {
		return 0, err
	}
	p, _, err := b.Measure(ctx, math.Round(rate), &r.Store.Run.Options)
	return p.ReplyRate, errors.Join(err, b.Close())
}

// scale measures with bench micro how workers scale in memory, without a kernel, if
// a figure shows emulated workers.
func (r *Run) scale(ctx context.Context, figures []paper.Figure) error {
	run := &r.Store.Run
	if len(run.Scaling) > 0 || !slices.ContainsFunc(figures, func(f paper.Figure) bool { return f.Kind == paper.Emulation }) {
		return nil
	}
	r.say("scaling of workers in memory: bench micro", 0)
	args := []string{"bench", "micro", "--json", "--only=^scaling/", "--cpus=" + ranges.Format(r.CPUs)}
	if run.Options.Quick {
		args = append(args, "--quick")
	}
	c, err := launch(r.Self(args...), (*exec.Cmd).Start)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = c.cmd.Process.Kill() })() // fails only if it has ended
	var result micro.Result
	if err := c.result(&result); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	for _, s := range result.Scaling {
		run.Scaling = append(run.Scaling, paper.Scaling{Kind: s.Kind, Workers: s.Workers, Mpps: s.Mpps})
	}
	return nil
}

// climb increases the rate until it is no longer answered. It returns the highest
// reply rate, and the CPU seconds of the director's process per reply.
func (r *Run) climb(ctx context.Context, s paper.Setup) (most, perConnection float64, err error) {
	b, err := Build(ctx, r.Self, s, r.CPUs)
	if err != nil {
		return 0, 0, err
	}
	again := false // a shared machine is slower at times, so one failure is tolerated
	for rate := float64(firstRate); ; {
		r.say(fmt.Sprintf("looking for the ceiling: %.0f connections/s", rate), 0)
		p, _, err := b.Measure(ctx, math.Round(rate), &r.Store.Run.Options)
		if err != nil {
			return 0, 0, errors.Join(err, b.Close())
		}
		if p.ReplyRate > most {
			most, perConnection = p.ReplyRate, p.Process/p.ReplyRate
		}
		switch {
		case p.ReplyRate >= 0.95*rate:
			rate, again = rate*rateStep, false
		case again:
			return most, perConnection, b.Close()
		default:
			again = true
		}
	}
}
