//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"time"
)

// ErrOptions is what Run's error matches when the options cannot be carried out.
var ErrOptions = errors.New("cannot be measured")

// Options say what to measure, and for how long.
type Options struct {
	// CPUs are those of sources and workers. Two let one worker work beside its
	// source; four let two.
	CPUs        []int
	Duration    time.Duration  // of a window, in which packets are counted
	Repetitions int            // how often all rows of throughput and latency are taken in turn
	Only        *regexp.Regexp // the rows to take, by name; nil takes all
	Loss        time.Duration  // for how long half the peak rate is sent
	Idle        time.Duration  // for how long an idle director is watched
	TableSize   int            // connections that the idle director's table has room for

	// Director returns the command that is "director ARGS…".
	Director func(args ...string) *exec.Cmd
	// Progress is told what comes next.
	Progress func(text string)

	settle time.Duration // least time before a window
	flows  []int         // of the rows of throughput
	quick  bool
}

// Defaults take about eight minutes.
func Defaults() Options {
	return Options{
		Duration: 2 * time.Second, Repetitions: 3, Loss: 10 * time.Second, Idle: 5 * time.Second,
		TableSize: 1 << 20, settle: 300 * time.Millisecond, flows: []int{fewFlows, manyFlows},
	}
}

// Quick shortens everything so that one can see in half a minute that it works.
// Figures are not judged then.
func (o Options) Quick() Options {
	o.Duration, o.Repetitions, o.settle = 100*time.Millisecond, 1, 20*time.Millisecond
	o.Loss, o.Idle, o.TableSize = 200*time.Millisecond, 500*time.Millisecond, 1<<13
	o.flows, o.quick = []int{fewFlows}, true
	return o
}

func (o *Options) check() error {
	switch {
	case o.Duration < 10*time.Millisecond || o.Duration > time.Minute:
		return fmt.Errorf("%w: a window of %v: want 10ms to 1m", ErrOptions, o.Duration)
	case o.Repetitions < 1 || o.Repetitions > 1000:
		return fmt.Errorf("%w: %d repetitions: want 1 to 1000", ErrOptions, o.Repetitions)
	case len(o.CPUs) == 0:
		return fmt.Errorf("%w: no CPU", ErrOptions)
	}
	return nil
}
