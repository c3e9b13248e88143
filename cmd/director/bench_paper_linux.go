package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"director/bench/figure"
	"director/bench/machine"
	"director/bench/paper"
	"director/bench/paper/bed"
	"director/host"
	"director/host/cpu"
)

// paperFlags are those of bench paper.
type paperFlags struct {
	out, cpus string
	only      []string
	options   paper.Options
}

// fullRun are the options of a whole run, quickRun of one that shows that all works.
var (
	fullRun  = paper.Options{Repetitions: 3, Duration: 2 * time.Second, Warmup: 500 * time.Millisecond}
	quickRun = paper.Options{Quick: true, Repetitions: 1, Duration: 500 * time.Millisecond, Warmup: 100 * time.Millisecond}
)

func (f *paperFlags) set() *pflag.FlagSet {
	o := &f.options
	fs := newFlags("bench paper")
	fs.StringVar(&f.out, "out", "paper-run", "the folder of the run; one that is there goes on where it ended")
	fs.StringSliceVar(&f.only, "only", nil, "the figures to take, such as fig7,fig14; all if not given")
	fs.BoolVar(&o.Quick, "quick", false, "few rates, once and shortly: see that it works, the figures mean little")
	fs.IntVar(&o.Repetitions, "repetitions", fullRun.Repetitions, "how often each point is taken, in rounds over all of them")
	fs.DurationVar(&o.Duration, "duration", fullRun.Duration, "how long a point is measured")
	fs.DurationVar(&o.Warmup, "warmup", fullRun.Warmup, "how long before it the same rate is offered")
	fs.IntVar(&o.Cap, "cap", 0, "connections per second of a capped server, the paper's took 4000; 0 finds out what leaves this machine CPU to spare")
	fs.StringVar(&f.cpus, "cpus", "auto", "the CPUs to count and to give to workers, a list such as 0-3; auto takes all")
	return fs
}

// complete makes options of what the flags say.
func (f *paperFlags) complete(fs *pflag.FlagSet) (cpus []int, err error) {
	o := &f.options
	if o.Quick {
		for name, set := range map[string]func(){
			"repetitions": func() { o.Repetitions = quickRun.Repetitions },
			"duration":    func() { o.Duration = quickRun.Duration },
			"warmup":      func() { o.Warmup = quickRun.Warmup },
		} {
			if !fs.Changed(name) {
				set()
			}
		}
	}
	if o.Repetitions < 1 || o.Duration < 100*time.Millisecond || o.Warmup < 0 || o.Cap < 0 {
		return nil, host.Usagef("--repetitions must be 1 or more, --duration 100ms or more, --warmup and --cap not less than 0")
	}
	if _, unknown := paper.Select(paper.Figures(new(paper.Run)), f.only); len(unknown) > 0 {
		return nil, host.Usagef("--only: no such figure: %s", strings.Join(unknown, ", "))
	}
	cpus, _, err = benchCPUs(f.cpus)
	o.CPUs = cpu.FormatList(cpus)
	return cpus, err
}

// benchPaper takes the paper's evaluation again.
func benchPaper(args []string, std stdio) int {
	var flags paperFlags
	fs := flags.set()
	if code, over := parse(fs, "director bench paper [flags]", args, std, nil); over {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	cpus, err := flags.complete(fs)
	if err == nil {
		err = flags.run(ctx, cpus, std)
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, host.ErrUsage), errors.Is(err, paper.ErrOther):
		fmt.Fprintln(std.err, err)
		return exitUsage
	case ctx.Err() != nil:
		err = fmt.Errorf("%w: what was measured is in %s, and the same command goes on from there", errStopped, flags.out)
	}
	fmt.Fprintln(std.err, err)
	return exitFailed
}

func (f *paperFlags) run(ctx context.Context, cpus []int, std stdio) error {
	if err := labLacks(); err != nil {
		return err
	}
	run := paper.Run{
		Options: f.options, Begun: time.Now().UTC(), Workers: len(cpus), Machine: machine.Look(machine.Host),
		Go: runtime.Version(), Skipped: map[string]string{},
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			if s.Key == "vcs.revision" {
				run.Commit = s.Value
			}
		}
	}
	store, err := paper.Open(f.out, run)
	if err != nil {
		return err
	}
	r := bed.Run{Self: benchSelf, CPUs: cpus, Store: store, Progress: progressOf(std.err)}
	err = r.Take(ctx, f.only)
	if err != nil {
		return err
	}
	figures, _ := paper.Select(paper.Figures(&store.Run), f.only)
	return printFigures(std.out, &store.Data, figures)
}

// progressOf writes what is being done, over and over on a terminal.
func progressOf(w io.Writer) func(string, time.Duration) {
	end, wipe := "\n", ""
	if isTerminal(w) {
		end, wipe = "", "\r\033[K"
	}
	return func(what string, left time.Duration) {
		if left > 0 {
			what += ", " + left.Round(time.Second).String() + " left"
		}
		fmt.Fprint(w, wipe+what+end)
	}
}

// printFigures prints what the rates of each curve came to, and what is claimed of
// them.
func printFigures(out io.Writer, d *paper.Data, figures []paper.Figure) error {
	fmt.Fprintf(out, "One capped server takes %d connections/s, the bed without caps %.0f.\n", d.Run.Cap, d.Run.Ceiling)
	for _, f := range figures {
		fmt.Fprintf(out, "\n%s: %s\n", f.ID, f.Title)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprint(w, "\tsustained/s\tpeak/s\terrors at peak\tp50 ms\tp99 ms\tCPU µs each\t\n")
		for _, c := range f.Curves {
			dots := d.Dots(c.Setup)
			if len(dots) == 0 {
				reason := d.Run.Skipped[c.Setup.Key()]
				if reason == "" {
					reason = "not measured"
				}
				fmt.Fprintf(w, "%s\t%s\t\t\t\t\t\t\n", c.Label, reason)
				continue
			}
			best, _ := f.Sustained(dots)
			peak := paper.Peak(dots)
			fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.2f %%\t%.2f\t%.2f\t%.0f\t\n", c.Label, best.Offered, peak.Rate.Mean, 100*peak.Errors.Mean,
				best.P50.Mean/1000, best.P99.Mean/1000, best.PerConnection())
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if claims := paper.Claims(d); len(claims) > 0 && !d.Run.Options.Quick {
		fmt.Fprintln(out)
		figure.Write(out, claims)
	}
	return nil
}
