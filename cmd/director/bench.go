package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"director/bench/micro"
	"director/host"
	"director/internal/cli"
)

func benchVerb() cli.Verb {
	verbs := append([]cli.Verb{microVerb()}, hostBenches()...)
	verbs = append(verbs, recordVerb())
	for _, v := range cli.BenchVerbs() {
		verbs = append(verbs, cli.Verb{Use: v.Name, Summary: v.Summary, Elsewhere: true, RunArgs: func(args []string, std cli.IO) int {
			return benchElsewhere(append([]string{v.Name}, args...), std)
		}})
	}
	return cli.Verb{
		Use: "bench VERB [flags]", Summary: "measure how fast the director is on this machine",
		About: cli.BenchProgram + ", which is a separate package, has the verbs load, serve, testlvs, paper and scale.",
		Verbs: verbs,
	}
}

// benchElsewhere replaces this process by cli.BenchProgram. It returns only if that
// fails.
func benchElsewhere(args []string, std cli.IO) int {
	fmt.Fprintln(std.Err, cli.ExecBench(args))
	return cli.Failed
}

// completesBench reports whether a shell asks to complete the arguments of a verb of
// cli.BenchProgram, and returns the question for that program.
func completesBench(args []string) (question []string, ok bool) {
	if len(args) < 4 || !cli.Completes(args) || args[1] != "bench" {
		return nil, false
	}
	known := slices.ContainsFunc(cli.BenchVerbs(), func(v cli.BenchVerb) bool { return v.Name == args[2] })
	return append([]string{args[0]}, args[2:]...), known
}

// microFlags has the flags of bench micro.
type microFlags struct {
	cpus, only, profile string
	json, quick, huge   bool
	repetitions, size   int
	time                time.Duration
}

func (m *microFlags) set() *pflag.FlagSet {
	d := micro.Defaults()
	fs := cli.NewFlags()
	fs.StringVar(&m.cpus, "cpus", "auto", "the CPUs for the workers, a list such as 2-5, one worker on each; auto uses all, and pins threads if the system can")
	fs.StringVar(&m.only, "only", "", "measure the rows whose names match this regular expression, such as ^nat-in/hit or /1M$")
	fs.IntVar(&m.repetitions, "repetitions", d.Repetitions, "how often all rows are measured, in turn")
	fs.DurationVar(&m.time, "time", d.Time, "how long each row is measured in each repetition")
	fs.IntVar(&m.size, "conn-table-size", d.TableSize, "the largest number of connections, as for run")
	fs.BoolVar(&m.huge, "huge-pages", true, "use huge pages for tables and memory, as for run; false uses small pages, to compare")
	fs.BoolVar(&m.quick, "quick", false, "test within seconds that all rows work; the results are not accurate")
	fs.BoolVar(&m.json, "json", false, "print JSON")
	fs.StringVar(&m.profile, "cpuprofile", "", "write a CPU profile of the repetitions to this file; its samples have the row as a label")
	return fs
}

func microVerb() cli.Verb {
	var flags microFlags
	fs := flags.set()
	return cli.Verb{
		Use: "micro [flags]", Summary: "measure the data plane in memory, and compare it with the speed of memory; needs no privileges and no network",
		Flags: cli.Flags(fs),
		Run:   func(std cli.IO) int { return flags.measure(fs, std) },
	}
}

// measure measures the data plane in memory.
func (m *microFlags) measure(fs *pflag.FlagSet, std cli.IO) int {
	options, err := m.options(fs)
	if err == nil {
		options.Progress = func(text string) { fmt.Fprintln(std.Err, text) }
		err = m.run(options, std.Out)
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

// options returns the options that the flags describe.
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

// run measures and prints the result.
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
