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

// The bed's ceiling is looked for from a rate that every machine holds, by steps of
// this factor.
const (
	firstRate = 1000
	rateStep  = 1.4
)

// capOfCeiling is the share of the ceiling that a capped server takes, so that
// four of them leave CPU to spare; the paper's cap is the most.
const capOfCeiling = 0.08

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
	if run.Skipped == nil {
		run.Skipped = make(map[string]string)
	}
	// A worker's share at that many servers' rate, by what its process used.
	run.Quota = emulated * float64(run.Cap) * perConnection
	if err := r.adjust(ctx); err != nil && !errors.Is(err, ErrLacks) {
		return err
	}
	return r.Store.SaveRun()
}

// A worker that is held to a share of a CPU is to take so many servers' rate, as
// nearly as this.
const (
	emulated = 1.5
	near     = 0.08
)

// adjust corrects the quota by what a worker that is held to it does: one that
// waits for its share finds more frames together, and they cost it less.
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

// scale has bench micro measure how workers scale that have nothing to do with
// anything but memory, if a figure shows what is emulated.
func (r *Run) scale(ctx context.Context, figures []paper.Figure) error {
	run := &r.Store.Run
	if len(run.Scaling) > 0 || !slices.ContainsFunc(figures, func(f paper.Figure) bool { return f.Kind == paper.Emulation }) {
		return nil
	}
	r.say("how workers scale in memory: bench micro", 0)
	args := []string{"bench", "micro", "--json", "--only=^scaling/", "--cpus=" + ranges.Format(r.CPUs)}
	if run.Options.Quick {
		args = append(args, "--quick")
	}
	c, err := launch(r.Self(args...), (*exec.Cmd).Start)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = c.cmd.Process.Kill() })() // it is there, or it has ended
	var result micro.Result
	if err := c.result(&result); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	for _, s := range result.Scaling {
		run.Scaling = append(run.Scaling, paper.Scaling{Kind: s.Kind, Workers: s.Workers, Mpps: s.Mpps})
	}
	return nil
}

// climb offers more and more until it is not answered, and returns the most
// replies per second, and the CPU seconds of the director's process for each.
func (r *Run) climb(ctx context.Context, s paper.Setup) (most, perConnection float64, err error) {
	b, err := Build(ctx, r.Self, s, r.CPUs)
	if err != nil {
		return 0, 0, err
	}
	again := false // a machine that others share has moments in which it does less
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
