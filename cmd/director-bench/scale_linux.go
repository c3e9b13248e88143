package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"director/bench/figure"
	"director/bench/scale"
	"director/internal/cli"
)

// scaleFlags has the flags of bench scale.
type scaleFlags struct {
	o    scale.Options
	soak time.Duration
	json bool
}

func (f *scaleFlags) set() *pflag.FlagSet {
	fs := cli.NewFlags()
	fs.IntVar(&f.o.Services, "services", 10_000, "how many services; the figures are judged for 10000")
	fs.IntVar(&f.o.Servers, "servers", 10, "how many real servers each service has; the figures are judged for 10")
	fs.IntVar(&f.o.Addresses, "addresses", 0, "how many virtual addresses the services have together; 0 means an address for each")
	fs.IntVar(&f.o.Repeat, "repeat", 5, "how often to measure; the start is measured once")
	fs.DurationVar(&f.soak, "soak", 0, "instead, change rules, reload, capture, list and scrape for so long, and see whether memory, goroutines and descriptors come to rest")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	return fs
}

func (f *scaleFlags) check() error {
	switch o := f.o; {
	case o.Services < 1 || o.Services > 1<<16:
		return errors.New("--services: want a number from 1 to 65536")
	case o.Servers < 1 || o.Servers > 1000:
		return errors.New("--servers: want a number from 1 to 1000")
	case o.Addresses < 0:
		return errors.New("--addresses: want 0 or more")
	case o.Addresses > 0 && o.Services/o.Addresses > 60_000:
		return errors.New("--addresses: too few: each has at most 60000 services")
	case f.soak < 0:
		return errors.New("--soak: want a time, such as 1h")
	case o.Repeat < 1 || o.Repeat > 1000:
		return errors.New("--repeat: want a number from 1 to 1000")
	}
	return nil
}

func scaleVerb() cli.Verb {
	var flags scaleFlags
	return cli.Verb{Use: "scale [flags]", Flags: cli.Flags(flags.set()), Check: flags.check, Run: flags.measure}
}

// measure prints what it measures. It fails if a target is not reached.
func (f *scaleFlags) measure(std cli.IO) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	f.o.Director = func(args ...string) *exec.Cmd { return program(args...) }
	if f.soak > 0 {
		r, err := scale.RunSoak(ctx, scale.SoakOptions{Options: f.o, Duration: f.soak, Progress: std.Err})
		if err != nil {
			fmt.Fprintln(std.Err, err)
			return cli.Failed
		}
		return f.print(std, r.Figures(), r, fmt.Sprintf("%d rounds in %.0f s", r.Rounds, r.Seconds))
	}
	r, err := scale.Run(ctx, f.o)
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	all := r.Figures()
	if f.o.Services != 10_000 || f.o.Servers != 10 {
		figure.Unjudged(all)
	}
	return f.print(std, all, r, fmt.Sprintf("%d services of %d servers at %d addresses; a scrape has %.1f MB",
		r.Services, r.Servers, r.Addresses, float64(r.Scraped)/1e6))
}

// print prints a result and its figures.
func (f *scaleFlags) print(std cli.IO, all []figure.Figure, result any, title string) int {
	var err error
	if f.json {
		err = json.NewEncoder(std.Out).Encode(map[string]any{"result": result, "figures": all})
	} else {
		_, err = fmt.Fprintf(std.Out, "%s\n\n", title)
		figure.Write(std.Out, all)
	}
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	for i := range all {
		if met := all[i].Met; met != nil && !*met {
			return cli.Failed
		}
	}
	return cli.OK
}
