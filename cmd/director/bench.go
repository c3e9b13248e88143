package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/spf13/pflag"

	"director/bench/micro"
	"director/host"
	"director/internal/cli"
)

// benches returns the verbs of bench. Those of cli.BenchProgram run there.
func benches() []cli.Verb {
	all := append([]cli.Verb{
		{Name: "micro", Summary: "measure the data plane in memory, against the speed of memory: needs no privileges and no network", Run: benchMicro},
	}, hostBenches()...)
	all = append(all, cli.Verb{Name: "record", Summary: "take both for the record: write figures, machine, build and commands to a file", Run: benchRecord})
	for _, v := range cli.BenchVerbs() {
		all = append(all, cli.Verb{Name: v.Name, Summary: v.Summary, Run: func(args []string, std cli.IO) int {
			fmt.Fprintln(std.Err, execBench(append([]string{v.Name}, args...)))
			return cli.Failed
		}})
	}
	return all
}

// execBench starts cli.BenchProgram in place of this process, and returns if it cannot.
// Tests replace it.
var execBench = cli.ExecBench

// bench measures how fast the director is.
func bench(args []string, std cli.IO) int {
	out, code := std.Err, cli.Usage
	if len(args) > 0 {
		if v := cli.Find(benches(), args[0]); v != nil {
			return v.Run(args[1:], std)
		}
		if args[0] == "--help" || args[0] == "-h" {
			out, code = std.Out, cli.OK
		}
	}
	fmt.Fprint(out, "Usage: director bench VERB [flags]\n\n")
	cli.List(out, benches())
	fmt.Fprintf(out, "\n%s has load, serve, testlvs and paper. It is a package of its own.\n", cli.BenchProgram)
	return code
}

// microFlags are those of bench micro.
type microFlags struct {
	cpus, only, profile string
	json, quick, huge   bool
	repetitions, size   int
	time                time.Duration
}

func (m *microFlags) set() *pflag.FlagSet {
	d := micro.Defaults()
	fs := cli.NewFlags("director bench micro")
	fs.StringVar(&m.cpus, "cpus", "auto", "the CPUs of the workers, one each, a list such as 2-5; auto takes all, and pins where the system can")
	fs.StringVar(&m.only, "only", "", "measure the rows whose names match this regular expression, such as ^nat-in/hit or /1M$")
	fs.IntVar(&m.repetitions, "repetitions", d.Repetitions, "how often all rows are taken in turn")
	fs.DurationVar(&m.time, "time", d.Time, "how long a row takes in each repetition")
	fs.IntVar(&m.size, "conn-table-size", d.TableSize, "most connections held, as for run")
	fs.BoolVar(&m.huge, "huge-pages", true, "tables and memory lie on huge pages, as for run; false declines them, to see what they give")
	fs.BoolVar(&m.quick, "quick", false, "see in seconds that all rows work; the figures mean little")
	fs.BoolVar(&m.json, "json", false, "print JSON")
	fs.StringVar(&m.profile, "cpuprofile", "", "write a CPU profile of the repetitions to this file, its samples labelled by row")
	return fs
}

// benchMicro measures the data plane in memory.
func benchMicro(args []string, std cli.IO) int {
	var flags microFlags
	fs := flags.set()
	if code, over := cli.Parse(fs, "director bench micro [flags]", args, std, nil); over {
		return code
	}
	options, err := flags.options(fs)
	if err == nil {
		options.Progress = func(text string) { fmt.Fprintln(std.Err, text) }
		err = flags.run(options, std.Out)
	}
	switch {
	case err == nil:
		return cli.OK
	case errors.Is(err, host.ErrUsage), errors.Is(err, micro.ErrOptions):
		fmt.Fprintln(std.Err, err)
		return cli.Usage
	}
	fmt.Fprintln(std.Err, err)
	return cli.Failed
}

// options are the flags as they were given.
func (m *microFlags) options(fs *pflag.FlagSet) (o micro.Options, err error) {
	o = micro.Defaults()
	if m.quick {
		o = o.Quick()
	}
	if !m.quick || fs.Changed("repetitions") {
		o.Repetitions = m.repetitions
	}
	if !m.quick || fs.Changed("time") {
		o.Time = m.time
	}
	o.TableSize, o.SmallPages = m.size, !m.huge
	if m.only != "" {
		if o.Only, err = regexp.Compile(m.only); err != nil {
			return o, host.Usagef("--only: %w", err)
		}
	}
	o.CPUs, o.Pin, err = cli.CPUs(m.cpus)
	return o, err
}

// run measures and prints.
func (m *microFlags) run(o micro.Options, out io.Writer) (err error) {
	if m.profile != "" {
		f, err := os.Create(m.profile)
		if err != nil {
			return host.Usagef("--cpuprofile: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		o.Profile = f
	}
	result, err := micro.Run(o)
	if err != nil {
		return err
	}
	if !m.json {
		return result.Write(out)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(result)
}
