//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"time"
)

// ErrOptions is matched by errors of Run about options that cannot be measured.
var ErrOptions = errors.New("cannot be measured")

// Options configure what to measure, and for how long.
type Options struct {
	// CPUs are the CPUs of sources and workers. One worker beside its source needs
	// two, two workers need four.
	CPUs        []int
	Duration    time.Duration  // of a window, in which packets are counted
	Repetitions int            // how often all rows of throughput and latency are measured in turn
	Only        *regexp.Regexp // the names of the rows to measure; nil: all
	Loss        time.Duration  // how long half the peak rate is sent
	Idle        time.Duration  // how long an idle director is measured
	TableSize   int            // connection table size of the idle director

	// Director returns the command for "director ARGS…".
	Director func(args ...string) *exec.Cmd
	// Progress is called with the name of each step that begins.
	Progress func(text string)

	settle time.Duration // minimum time before a window
	flows  []int         // of the rows of throughput
	quick  bool
}

// Defaults returns options for a run of about eight minutes.
func Defaults() Options {
	return Options{
		Duration: 2 * time.Second, Repetitions: 3, Loss: 10 * time.Second, Idle: 5 * time.Second,
		TableSize: 1 << 20, settle: 300 * time.Millisecond, flows: []int{fewFlows, manyFlows},
	}
}

// Quick shortens everything to about half a minute, to show that it works. Figures
// are not judged then.
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
