package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
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
	"director/bench/paper/report"
	"director/host"
	"director/internal/cli"
	"director/internal/ranges"
)

// paperFlags has the flags of bench paper.
type paperFlags struct {
	out, cpus, suite, commit string
	only, balancers          []string
	options                  paper.Options
	price                    float64
	reportOnly               bool
}

// fullRun contains the options of a full run, quickRun those of a run with --quick.
var (
	fullRun  = paper.Options{Repetitions: 3, Duration: 2 * time.Second, Warmup: 500 * time.Millisecond}
	quickRun = paper.Options{Quick: true, Repetitions: 1, Duration: 500 * time.Millisecond, Warmup: 100 * time.Millisecond}
)

func (f *paperFlags) set() *pflag.FlagSet {
	o := &f.options
	fs := cli.NewFlags()
	fs.StringVar(&f.out, "out", "paper-run", "the folder of the run; if it exists, the run in it is continued")
	fs.StringSliceVar(&f.only, "only", nil, "the figures to measure, such as fig7,fig14; all if not given")
	fs.BoolVar(&o.Quick, "quick", false, "measure few rates, once and briefly, to test that everything works; the results are not accurate")
	fs.IntVar(&o.Repetitions, "repetitions", fullRun.Repetitions, "how often each point is measured; a round measures every point once")
	fs.DurationVar(&o.Duration, "duration", fullRun.Duration, "how long a point is measured")
	fs.DurationVar(&o.Warmup, "warmup", fullRun.Warmup, "how long the same rate is offered before each measurement")
	fs.IntVar(&o.Cap, "cap", 0, "connections per second that a capped server accepts (4000 in the paper); 0 finds a rate that leaves CPU time free on this machine")
	fs.StringVar(&f.cpus, "cpus", "auto", "the CPUs to measure and to give to workers, a list such as 0-3; auto uses all")
	fs.StringArrayVar(&f.balancers, "balancer", nil, "the path of a script that runs another load balancer, to compare with (repeatable); see docs/bench-paper.md")
	fs.Float64Var(&f.price, "price", 0, "price of the director's machine in dollars; the report then shows the cost of one request per second")
	fs.StringVar(&f.commit, "commit", "", "the commit that this binary was built from, if the binary does not contain it")
	fs.StringVar(&f.suite, "suite", "", "a file with one flag per line; flags of the command line override it")
	fs.BoolVar(&f.reportOnly, "report-only", false, "write the report again from the data in --out, without measuring")
	return fs
}

// complete turns the flags into options.
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
	if o.Repetitions < 1 || o.Duration < 100*time.Millisecond || o.Warmup < 0 || o.Cap < 0 || f.price < 0 {
		return nil, host.Usagef("--repetitions must be 1 or more, --duration 100ms or more, --warmup, --cap and --price 0 or more")
	}
	for i, path := range f.balancers {
		if f.balancers[i], err = filepath.Abs(path); err != nil || strings.ContainsRune(path, ',') {
			return nil, host.Usagef("--balancer %s: want a path without a comma", path)
		}
	}
	o.Balancers = strings.Join(f.balancers, ",")
	if _, unknown := paper.Select(paper.Figures(new(paper.Run)), f.only); len(unknown) > 0 {
		return nil, host.Usagef("--only: unknown figure: %s", strings.Join(unknown, ", "))
	}
	cpus, _, err = cli.CPUs(f.cpus)
	o.CPUs = ranges.Format(cpus)
	return cpus, err
}

func paperVerb() cli.Verb {
	flags := new(paperFlags)
	fs := flags.set()
	return cli.Verb{
		Use: "paper [flags]", Flags: cli.Flags(fs),
		Check: func() error { return flags.readSuite(fs) },
		Run:   func(std cli.IO) int { return flags.evaluate(fs, std) },
	}
}

// evaluate repeats the evaluation of the paper.
func (f *paperFlags) evaluate(fs *pflag.FlagSet, std cli.IO) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	cpus, err := f.complete(fs)
	if err == nil {
		err = f.run(ctx, cpus, std)
	}
	switch {
	case err == nil:
		return cli.OK
	case errors.Is(err, host.ErrUsage), errors.Is(err, paper.ErrOther):
		fmt.Fprintln(std.Err, err)
		return cli.Usage
	case ctx.Err() != nil:
		err = fmt.Errorf("%w: the results so far are in %s; the same command continues the run", cli.ErrStopped, f.out)
	}
	fmt.Fprintln(std.Err, err)
	return cli.Failed
}

// readSuite sets the flags of the suite file, one in a line, except for those that the
// command line set. Lists accumulate. A line that begins with # is a comment.
func (f *paperFlags) readSuite(fs *pflag.FlagSet) error {
	if f.suite == "" {
		return nil
	}
	text, err := os.ReadFile(f.suite)
	if err != nil {
		return fmt.Errorf("--suite: %w", err)
	}
	given := map[string]bool{}
	fs.VisitAll(func(f *pflag.Flag) { given[f.Name] = f.Changed })
	var args []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			args = append(args, line)
		}
	}
	return new(paperFlags).set().ParseAll(args, func(flag *pflag.Flag, value string) error {
		if _, list := flag.Value.(pflag.SliceValue); given[flag.Name] && !list {
			return nil
		}
		return fs.Set(flag.Name, value)
	})
}

func (f *paperFlags) run(ctx context.Context, cpus []int, std cli.IO) error {
	if f.reportOnly {
		return f.report()
	}
	if err := cli.CanBuildLab("bench paper"); err != nil {
		return err
	}
	run := paper.Run{
		Options: f.options, Begun: time.Now().UTC(), Workers: len(cpus), Machine: machine.Look(machine.Host),
		Commit: f.commit, Go: runtime.Version(), Skipped: map[string]string{},
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
	if f.price > 0 {
		store.Run.Price = f.price
	}
	if store.Run.Commit == "" {
		store.Run.Commit = run.Commit
	}
	r := bed.Run{Self: program, CPUs: cpus, Store: store, Progress: progressOf(std.Err)}
	err = r.Take(ctx, f.only)
	if cli.IsTerminal(std.Err) {
		fmt.Fprintln(std.Err)
	}
	if err != nil {
		return err
	}
	figures, _ := paper.Select(paper.Figures(&store.Run), f.only)
	if err := printFigures(std.Out, &store.Data, figures); err != nil {
		return err
	}
	if err := f.report(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.Out, "\nThe report is %s.\n", f.page())
	return err
}

// page is the file of the report.
func (f *paperFlags) page() string { return filepath.Join(f.out, "index.html") }

// report writes the report about the measured data. An older report stays until the
// new one is complete.
func (f *paperFlags) report() error {
	d, err := paper.Read(os.DirFS(f.out))
	if err != nil {
		return fmt.Errorf("--out=%s: %w", f.out, err)
	}
	if f.price > 0 {
		d.Run.Price = f.price
	}
	var b bytes.Buffer
	if err := report.Write(&b, d); err != nil {
		return err
	}
	temporary := f.page() + ".new"
	if err := os.WriteFile(temporary, b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, f.page())
}

// barWidth is the width of the progress bar in columns.
const barWidth = 24

// progressOf returns a function that shows the progress. On a terminal it rewrites
// one line with a bar. Elsewhere it writes one line for each step.
func progressOf(w io.Writer) func(string, float64, time.Duration) {
	terminal := cli.IsTerminal(w)
	return func(what string, share float64, left time.Duration) {
		if left > 0 {
			what = fmt.Sprintf("%3.0f %%, %s left: %s", 100*share, left.Round(time.Second), what)
		}
		if terminal {
			fmt.Fprint(w, "\r\033[K"+bar(share)+" "+what)
			return
		}
		fmt.Fprintln(w, what)
	}
}

// bar is a progress bar.
func bar(share float64) string {
	full := int(min(1, max(0, share)) * barWidth)
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

// printFigures prints the results of each curve, and the claims of the paper about
// them.
func printFigures(out io.Writer, d *paper.Data, figures []paper.Figure) error {
	fmt.Fprintf(out, "One capped server accepts %d connections/s. The test bed without caps reaches %.0f connections/s.\n", d.Run.Cap, d.Run.Ceiling)
	for _, f := range figures {
		fmt.Fprintf(out, "\n%s: %s\n", f.ID, f.Title)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		head, row := "sustained/s\tpeak/s\terrors at peak\tp50 ms\tp99 ms\tCPU µs each", rateRow
		if f.Kind == paper.Sweep {
			head, row = "µs for one byte\tmost Mb/s", sweepRow
		}
		fmt.Fprintf(w, "\t%s\t\n", head)
		for _, c := range f.Curves {
			text := row(d, &f, c.Setup)
			if text == "" {
				text = cmp.Or(d.Run.Skipped[c.Setup.Key()], "not measured") + strings.Repeat("\t", strings.Count(head, "\t"))
			}
			fmt.Fprintf(w, "%s\t%s\t\n", c.Label, text)
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

// rateRow returns the results of a setup in a figure of rates. It is empty if the
// setup was not measured.
func rateRow(d *paper.Data, f *paper.Figure, s paper.Setup) string {
	dots := d.Dots(s)
	if len(dots) == 0 {
		return ""
	}
	best, _ := f.Sustained(dots)
	peak := paper.Peak(dots)
	return fmt.Sprintf("%.0f\t%.0f\t%.2f %%\t%.2f\t%.2f\t%.0f", best.Offered, peak.Rate.Median, 100*peak.Errors.Median,
		best.P50.Median/1000, best.P99.Median/1000, best.PerConnection())
}

// sweepRow is rateRow for a figure of message sizes.
func sweepRow(d *paper.Data, _ *paper.Figure, s paper.Setup) string {
	steps := d.Steps(s)
	if len(steps) == 0 {
		return ""
	}
	most := 0.0
	for _, step := range steps {
		most = max(most, step.Throughput.Median)
	}
	return fmt.Sprintf("%.1f\t%.0f", steps[0].Latency.Median, most/1e6)
}
