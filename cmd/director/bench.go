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
)

// benches are the verbs behind bench.
func benches() []verb {
	all := append([]verb{
		{"micro", "the data plane in memory, against the speed of memory: no privileges, no network", benchMicro},
	}, hostBenches()...)
	return append(all, verb{"record", "all of that for the record: figures, machine, build and commands in a file", benchRecord})
}

// bench measures how fast the director is.
func bench(args []string, std stdio) int {
	out, code := std.err, exitUsage
	if len(args) > 0 {
		for _, v := range benches() {
			if v.name == args[0] {
				return v.run(args[1:], std)
			}
		}
		if args[0] == "--help" || args[0] == "-h" {
			out, code = std.out, exitOK
		}
	}
	fmt.Fprint(out, "Usage: director bench VERB [flags]\n\n")
	for _, v := range benches() {
		fmt.Fprintf(out, "  %-9s %s\n", v.name, v.summary)
	}
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
	fs := newFlags("bench micro")
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
func benchMicro(args []string, std stdio) int {
	var flags microFlags
	fs := flags.set()
	if code, over := parse(fs, "director bench micro [flags]", args, std, nil); over {
		return code
	}
	options, err := flags.options(fs)
	if err == nil {
		options.Progress = func(text string) { fmt.Fprintln(std.err, text) }
		err = flags.run(options, std.out)
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, host.ErrUsage), errors.Is(err, micro.ErrOptions):
		fmt.Fprintln(std.err, err)
		return exitUsage
	}
	fmt.Fprintln(std.err, err)
	return exitFailed
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
	o.CPUs, o.Pin, err = benchCPUs(m.cpus)
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
