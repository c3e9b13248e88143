package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/spf13/pflag"

	"director/bench/lab"
	"director/host"
	"director/internal/cli"
)

// hostBenches returns the benchmarks that need Linux.
func hostBenches() []cli.Verb {
	return []cli.Verb{
		labVerb(),
	}
}

// benchSelf returns the command "director ARGS…" of this program. Tests replace it.
var benchSelf = func(args ...string) *exec.Cmd {
	return exec.Command("/proc/self/exe", args...)
}

// labFlags has the flags of bench lab.
type labFlags struct {
	cpus, only  string
	json, quick bool
	options     lab.Options
}

func (l *labFlags) set() *pflag.FlagSet {
	l.options = lab.Defaults()
	fs := cli.NewFlags()
	fs.StringVar(&l.cpus, "cpus", "auto", "the CPUs for sources and workers, a list such as 0-3; auto uses all")
	fs.StringVar(&l.only, "only", "", "measure the rows whose names match this regular expression, such as ^director-dr-xdp/1 or ^latency/")
	fs.IntVar(&l.options.Repetitions, "repetitions", l.options.Repetitions, "how often the rows of throughput and latency are measured, in turn")
	fs.DurationVar(&l.options.Duration, "duration", l.options.Duration, "how long packets are counted for a row in each repetition")
	fs.BoolVar(&l.quick, "quick", false, "test in less than a minute that all rows work; the results are not accurate")
	fs.BoolVar(&l.json, "json", false, "print JSON")
	return fs
}

func labVerb() cli.Verb {
	var flags labFlags
	fs := flags.set()
	return cli.Verb{
		Use: "lab [flags]", Summary: "compare the director with the kernel's own forwarding, over veth pairs; needs root",
		Flags: cli.Flags(fs),
		Run:   func(std cli.IO) int { return flags.compare(fs, std) },
	}
}

// compare measures the director over veth pairs.
func (l *labFlags) compare(fs *pflag.FlagSet, std cli.IO) int {
	err := l.complete(fs)
	if err == nil {
		l.options.Progress = func(text string) { fmt.Fprintln(std.Err, text) }
		err = l.run(std)
	}
	switch {
	case err == nil:
		return cli.OK
	case errors.Is(err, host.ErrUsage), errors.Is(err, lab.ErrOptions):
		fmt.Fprintln(std.Err, err)
		return cli.Usage
	}
	fmt.Fprintln(std.Err, err)
	return cli.Failed
}

// complete turns the flags into options.
func (l *labFlags) complete(fs *pflag.FlagSet) (err error) {
	o := &l.options
	if l.quick {
		quick := o.Quick()
		if fs.Changed("repetitions") {
			quick.Repetitions = o.Repetitions
		}
		if fs.Changed("duration") {
			quick.Duration = o.Duration
		}
		*o = quick
	}
	if l.only != "" {
		if o.Only, err = regexp.Compile(l.only); err != nil {
			return host.Usagef("--only: %w", err)
		}
	}
	o.Director = benchSelf
	o.CPUs, _, err = cli.CPUs(l.cpus)
	return err
}

// measure measures until it is done or a signal stops it.
func (l *labFlags) measure() (*lab.Result, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	result, err := lab.Run(ctx, l.options)
	if ctx.Err() != nil {
		return nil, cli.ErrStopped
	}
	return result, err
}

// run measures and prints the result.
func (l *labFlags) run(std cli.IO) error {
	if err := cli.CanBuildLab("bench lab"); err != nil {
		return err
	}
	result, err := l.measure()
	if err != nil {
		return err
	}
	if !l.json {
		return result.Write(std.Out)
	}
	e := json.NewEncoder(std.Out)
	e.SetIndent("", "  ")
	return e.Encode(result)
}
