//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// bench is a measurement in progress.
type bench struct {
	Options
	machine    Machine
	places     map[int]placement // by number of workers
	peaks      []*peakRow
	latencies  []*latencyRow
	losses     []*lossRow
	idles      []*idleRow
	incomplete []Skipped
}

// peakRow is a contender with a number of workers. It has a window for each number
// of flows.
type peakRow struct {
	contender contender
	workers   int
	flows     []int
	windows   [][]window // by flows, then by repetition
}

type latencyRow struct {
	contender contender
	trips     []trips
}

type lossRow struct {
	contender contender
	rate      float64 // half of the peak
	took      time.Duration
	window    window
}

type idleRow struct {
	contender contender
	conns     string // from the status line
	share     float64
}

// Run measures. It returns early if ctx ends, and removes everything that it
// created.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	b := &bench{Options: o, machine: here(), places: map[int]placement{}}
	if err := b.plan(); err != nil {
		return nil, err
	}
	for i := range b.Repetitions {
		for _, r := range b.peaks {
			b.say("%d/%d %s, %d workers", i+1, b.Repetitions, r.contender.name, r.workers)
			if err := b.peak(ctx, r); err != nil {
				return nil, err
			}
		}
		for _, r := range b.latencies {
			b.say("%d/%d latency/%s", i+1, b.Repetitions, r.contender.name)
			if err := b.latency(ctx, r); err != nil {
				return nil, err
			}
		}
	}
	for _, r := range b.losses {
		b.say("loss/%s", r.contender.name)
		if err := b.loss(ctx, r); err != nil {
			return nil, err
		}
	}
	for _, r := range b.idles {
		b.say("idle/%s", r.contender.name)
		if err := b.idle(ctx, r); err != nil {
			return nil, err
		}
	}
	return b.result(), nil
}

func (b *bench) say(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

// plan determines which rows are selected and possible.
func (b *bench) plan() error {
	all := contenders()
	able := slices.DeleteFunc(slices.Clone(all), func(c contender) bool {
		if c.lacks == nil || c.lacks() == "" {
			return false
		}
		b.incomplete = append(b.incomplete, Skipped{c.name, c.lacks()})
		return true
	})
	for _, workers := range []int{1, 2} {
		p, ok := place(b.CPUs, workers)
		if !ok || workers > len(b.CPUs) {
			b.incomplete = append(b.incomplete, Skipped{fmt.Sprintf("*/%d/*", workers),
				fmt.Sprintf("CPUs %v: each of %d workers needs a source on a CPU with a different number modulo %d", b.CPUs, workers, workers)})
			continue
		}
		b.places[workers] = p
		for _, c := range able {
			b.planPeak(c, workers)
		}
	}
	if _, ok := b.places[1]; ok {
		for _, c := range able {
			b.planOne(c)
		}
	}
	if len(b.peaks)+len(b.latencies)+len(b.losses)+len(b.idles) == 0 {
		return fmt.Errorf("%w: no row has a name that matches %s", ErrOptions, b.Only)
	}
	return nil
}

func (b *bench) wants(name string) bool { return b.Only == nil || b.Only.MatchString(name) }

// planPeak plans the throughput of a contender. It leaves out RPS with two sources,
// where RPS would only exchange their CPUs, and with one CPU, where there is no
// other CPU to use.
func (b *bench) planPeak(c contender, workers int) {
	if c.rps && (workers > 1 || len(b.CPUs) < 2) {
		return
	}
	row := &peakRow{contender: c, workers: workers}
	for _, n := range b.flows {
		if b.wants(peakName(c.name, workers, n)) {
			row.flows = append(row.flows, n)
		}
	}
	if len(row.flows) > 0 {
		row.windows = make([][]window, len(row.flows))
		b.peaks = append(b.peaks, row)
	}
}

// planOne plans the rows that use one worker only.
func (b *bench) planOne(c contender) {
	if c.echoes && b.wants("latency/"+c.name) {
		b.latencies = append(b.latencies, &latencyRow{contender: c})
	}
	if !c.ours {
		return
	}
	if b.wants("loss/" + c.name) {
		b.losses = append(b.losses, &lossRow{contender: c})
	}
	if c.arrives == unchanged && b.wants("idle/"+c.name) {
		b.idles = append(b.idles, &idleRow{contender: c})
	}
}

func (b *bench) peak(ctx context.Context, row *peakRow) error {
	return b.with(ctx, &row.contender, row.workers, func(r *rig) error {
		all, err := b.windows(ctx, r, b.Duration, row.flows...)
		if err != nil {
			return err
		}
		for i, w := range all {
			row.windows[i] = append(row.windows[i], w)
		}
		return nil
	})
}

func (b *bench) latency(ctx context.Context, row *latencyRow) error {
	return b.with(ctx, &row.contender, 1, func(r *rig) error {
		t, err := r.roundTrips(ctx, b.Duration)
		if err != nil {
			return err
		}
		row.trips = append(row.trips, t)
		return nil
	})
}

// loss measures a director's peak rate, and the loss at half of it.
func (b *bench) loss(ctx context.Context, row *lossRow) error {
	return b.with(ctx, &row.contender, 1, func(r *rig) error {
		peak, err := b.windows(ctx, r, b.Duration, b.flows[len(b.flows)-1])
		if err != nil {
			return err
		}
		if err := r.quiet(ctx); err != nil {
			return err
		}
		row.rate = peak[0].pps / 2
		before, err := r.sample()
		if err != nil {
			return err
		}
		begin := time.Now()
		if err := r.sources[0].pace(row.rate, b.Loss); err != nil {
			return err
		}
		row.took = time.Since(begin)
		if err := r.quiet(ctx); err != nil {
			return err
		}
		after, err := r.sample()
		row.window = between(before, after)
		return err
	})
}

// idle fills a director's table and measures its CPU usage without traffic.
func (b *bench) idle(ctx context.Context, row *idleRow) error {
	c := row.contender
	c.start = startDirector(c.option, c.io, b.TableSize)
	return b.with(ctx, &c, 1, func(r *rig) error {
		if err := b.fill(ctx, r); err != nil {
			return err
		}
		row.conns = r.runs.status()
		if err := sleep(ctx, b.settle); err != nil {
			return err
		}
		begin := time.Now()
		before, err := r.runs.used()
		if err != nil {
			return err
		}
		if err := sleep(ctx, b.Idle); err != nil {
			return err
		}
		after, err := r.runs.used()
		row.share = (after - before).Seconds() / time.Since(begin).Seconds()
		return err
	})
}

// fill floods a director until its table is full. The director reports this in its
// status line once per second.
func (b *bench) fill(ctx context.Context, r *rig) (err error) {
	if err := r.flood(b.TableSize, b.settle+time.Second); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.halt()) }()
	for begin := time.Now(); ; {
		var used, size int
		if _, err := fmt.Sscanf(r.runs.status(), "%d connections of %d", &used, &size); err == nil && used*100 >= size*99 {
			return nil
		}
		if time.Since(begin) > patience {
			return fmt.Errorf("table not full after %v: %s", patience, r.runs.status())
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// with calls f with a new rig.
func (b *bench) with(ctx context.Context, c *contender, workers int, f func(*rig) error) error {
	r, err := b.newRig(ctx, c, b.places[workers])
	if err != nil {
		return err
	}
	if err := f(r); err != nil {
		return fmt.Errorf("%s: %w", c.name, errors.Join(err, r.close()))
	}
	if err := r.close(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}
