//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"director/bench/machine"
)

// rig is a network with running sources, contender and sink.
type rig struct {
	place   placement
	net     *network
	sources []*source
	sink    *sink
	runs    *running
}

// newRig builds a network for a contender and starts it.
func (b *bench) newRig(ctx context.Context, c *contender, p placement) (r *rig, err error) {
	rps := ""
	if c.rps {
		rps = p.mask()
	}
	r = &rig{place: p}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", c.name, err), r.close())
		}
	}()
	if r.net, err = newNetwork(ctx, len(p.workers), rps); err != nil {
		return r, err
	}
	if r.sink, err = newSink(r.net, c.arrives); err != nil {
		return r, err
	}
	for i, cpu := range p.sources {
		s, err := newSource(r.net, cpu, i, len(p.sources))
		if err != nil {
			return r, err
		}
		r.sources = append(r.sources, s)
	}
	r.runs, err = c.start(ctx, b, r.net, p)
	return r, err
}

// close stops everything that was started, the contender first.
func (r *rig) close() error {
	var errs []error
	if r.runs != nil {
		errs = append(errs, r.runs.stop())
	}
	for _, s := range r.sources {
		errs = append(errs, s.close())
	}
	if r.sink != nil {
		errs = append(errs, r.sink.close())
	}
	if r.net != nil {
		errs = append(errs, r.net.close())
	}
	return errors.Join(errs...)
}

// sample contains the counters at one moment.
type sample struct {
	at                       time.Time
	sent, arrived, otherwise uint64
	spent                    machine.Spent // by the CPUs of the placement
	process                  time.Duration
}

func (r *rig) sample() (s sample, err error) {
	if s.spent, err = spent(r.place.cpus()); err != nil {
		return s, err
	}
	if r.runs.used != nil {
		if s.process, err = r.runs.used(); err != nil {
			return s, err
		}
	}
	s.at = time.Now()
	if s.arrived, s.otherwise, err = r.sink.counts(); err != nil {
		return s, err
	}
	s.sent, err = r.sent()
	return s, err
}

// sent returns how many frames all sources have sent.
func (r *rig) sent() (sum uint64, err error) {
	for _, s := range r.sources {
		n, err := s.sent()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// flood lets all sources send flows flows as fast as they can, until halt. They
// send for about horizon before their first pause.
func (r *rig) flood(flows int, horizon time.Duration) error {
	for _, s := range r.sources {
		if err := errors.Join(s.setFlows(flows), s.flood(horizon)); err != nil {
			return errors.Join(err, r.halt())
		}
	}
	return nil
}

func (r *rig) halt() error {
	var errs []error
	for _, s := range r.sources {
		errs = append(errs, s.halt())
	}
	return errors.Join(errs...)
}

// patience is how long the rig waits for an expected event.
const patience = 30 * time.Second

// warm waits until frames more frames have been sent, flows frames have arrived,
// and the time least has passed. The first packets make a contender touch its
// tables' memory for the first time, which takes some contenders long.
func (r *rig) warm(ctx context.Context, frames, flows uint64, least time.Duration) error {
	before, err := r.sample()
	if err != nil {
		return err
	}
	for {
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
		now, err := r.sample()
		if err != nil {
			return err
		}
		w, passed := between(before, now), now.at.Sub(before.at)
		if now.sent-before.sent >= frames && w.packets >= flows && passed >= least {
			return nil
		}
		if passed > patience {
			return fmt.Errorf("in %v %d packets were sent, %d arrived as expected and %d in another form: want %d of %d",
				patience, now.sent-before.sent, w.packets, w.otherwise, flows, frames)
		}
	}
}

// quiet waits until nothing arrives any more.
func (r *rig) quiet(ctx context.Context) error {
	last := uint64(0)
	for still := 0; still < 5; still++ {
		arrived, otherwise, err := r.sink.counts()
		if err != nil {
			return err
		}
		if arrived+otherwise != last {
			last, still = arrived+otherwise, 0
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
