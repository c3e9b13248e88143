package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"director/bench/machine"
	"director/bench/micro"
	"director/bench/record"
	"director/host"
	"director/internal/cli"
)

// recordFlags has the flags of bench record.
type recordFlags struct {
	out, commit, cpus, only string
	parts                   []string
	quick                   bool
}

func (r *recordFlags) set() *pflag.FlagSet {
	fs := cli.NewFlags()
	fs.StringVar(&r.out, "out", ".", "the directory for the record, a file DATE-MACHINE.md")
	fs.StringVar(&r.commit, "commit", "", "the commit that this binary was built from, if the binary does not contain it")
	fs.StringSliceVar(&r.parts, "parts", []string{"micro", "lab"}, "the benchmarks to record")
	fs.StringVar(&r.cpus, "cpus", "auto", "as for these benchmarks")
	fs.StringVar(&r.only, "only", "", "as for these benchmarks: a regular expression for the names of rows")
	fs.BoolVar(&r.quick, "quick", false, "as for these benchmarks: test that they work; the results are not accurate")
	return fs
}

// args returns the flags for a part.
func (r *recordFlags) args() (args []string) {
	if r.quick {
		args = append(args, "--quick")
	}
	if r.cpus != "auto" {
		args = append(args, "--cpus="+r.cpus)
	}
	if r.only != "" {
		args = append(args, "--only="+r.only)
	}
	return args
}

// recorder measures one part of the record. Its error tells whether the options are
// wrong, a signal stopped the benchmark, or the benchmark failed.
type recorder struct {
	name string
	take func(args []string, std cli.IO) (record.Part, error)
}

// recorders returns the parts, in the order of the record.
func recorders() []recorder {
	return []recorder{{"micro", recordMicro}, {"lab", recordLab}}
}

func recordVerb() cli.Verb {
	var flags recordFlags
	fs := flags.set()
	return cli.Verb{
		Use: "record [flags]", Summary: "run both benchmarks, and write results, machine, build and commands to a file",
		Flags: cli.Flags(fs), Check: flags.check,
		Run: func(std cli.IO) int { return flags.record(given(fs), std) },
	}
}

// given returns the flags that were set, as a command line.
func given(fs *pflag.FlagSet) (args []string) {
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Changed {
			return
		}
		value := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		if value == f.NoOptDefVal {
			args = append(args, "--"+f.Name)
			return
		}
		args = append(args, "--"+f.Name+"="+value)
	})
	return args
}

// record runs the benchmarks and writes a file about them. args is its command line.
func (r *recordFlags) record(args []string, std cli.IO) int {
	err := r.run(args, std)
	switch {
	case err == nil:
		return cli.OK
	case errors.Is(err, host.ErrUsage), optionsAreWrong(err):
		fmt.Fprintln(std.Err, err)
		return cli.Usage
	}
	fmt.Fprintln(std.Err, err)
	return cli.Failed
}

func (r *recordFlags) check() error {
	for _, p := range r.parts {
		if !slices.ContainsFunc(recorders(), func(known recorder) bool { return known.name == p }) {
			return fmt.Errorf("--parts: there is no benchmark %q", p)
		}
	}
	if len(r.parts) == 0 {
		return errors.New("--parts: nothing to record")
	}
	return nil
}

// run measures the parts and saves the record, unless it is empty. It measures the last
// part first, because bench lab checks the load of the machine and bench micro causes some.
func (r *recordFlags) run(args []string, std cli.IO) error {
	all := recorders()
	rec := &record.Record{
		Begin: time.Now(), Machine: machine.Look(machine.Host), Commit: r.commit, Quick: r.quick, Parts: make([]record.Part, len(all)),
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return host.Usagef("--out: %w", err)
	}
	rec.Build, _ = debug.ReadBuildInfo()
	rec.Commands = commands(rec.Build, r.commit, args)
	var failed []error
	taken := 0
	for i, p := range slices.Backward(all) {
		part := record.Part{Missing: "it was not requested"}
		if slices.Contains(r.parts, p.name) {
			var err error
			switch part, err = p.take(r.args(), std); {
			case errors.Is(err, cli.ErrStopped), errors.Is(err, host.ErrUsage):
				return err
			case err != nil:
				failed = append(failed, fmt.Errorf("bench %s: %w", p.name, err))
				part.Missing = err.Error()
			case part.Missing == "":
				taken++
			}
		}
		part.Name, part.Command = "bench "+p.name, shellLine(append([]string{"./director", "bench", p.name}, r.args()...))
		rec.Parts[i] = part
	}
	if taken == 0 {
		return errors.Join(append(failed, errors.New("there is nothing to record"))...)
	}
	name, err := rec.Save(r.out)
	if err != nil { // print the figures, so that they are not lost
		fmt.Fprint(std.Out, rec)
		return fmt.Errorf("--out: %w", err)
	}
	for _, d := range rec.Disturbances() {
		fmt.Fprintln(std.Err, "not quiet:", d)
	}
	fmt.Fprintln(std.Out, name)
	return errors.Join(slices.DeleteFunc(failed, optionsAreWrong)...)
}

// optionsAreWrong reports whether a benchmark does not have the selected rows or cannot
// use the options. The record succeeds if the other benchmark can.
func optionsAreWrong(err error) bool {
	return errors.Is(err, micro.ErrOptions) || labOptionsAreWrong(err)
}

// commands returns the commands that build the binary and repeat the record. said is
// the commit to use if the binary does not contain one.
func commands(build *debug.BuildInfo, said string, args []string) (lines []string) {
	commit, making := strings.TrimSuffix(said, "-dirty"), "make build"
	if build != nil {
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value
			case "GOAMD64":
				making += " GOAMD64=" + s.Value
			}
		}
	}
	if commit != "" {
		lines = append(lines, shellLine([]string{"git", "checkout", commit}))
	}
	return append(lines, making, shellLine(append([]string{"./director", "bench", "record"}, args...)))
}

// shellLine quotes words for a shell.
func shellLine(words []string) string {
	var quoted []string
	for _, w := range words {
		if !plain.MatchString(w) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted = append(quoted, w)
	}
	return strings.Join(quoted, " ")
}

// plain matches words that a shell needs no quotes for.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./=,:+-]+$`)

// recordMicro runs bench micro.
func recordMicro(args []string, std cli.IO) (part record.Part, err error) {
	var flags microFlags
	fs := flags.set()
	if err := fs.Parse(args); err != nil {
		return part, host.Usagef("%w", err)
	}
	options, err := flags.options(fs)
	if err != nil {
		return part, err
	}
	options.Progress = func(text string) { fmt.Fprintln(std.Err, "bench micro:", text) }
	return measured(func(part *record.Part, tables *strings.Builder) error {
		r, err := micro.Run(options)
		if err != nil {
			return err
		}
		part.Figures, part.Alone = r.Figures, true
		part.Steady = []record.Row{{Name: "memory", Spread: r.Memory.NS}, {Name: "floor", Spread: r.Floor.NS}}
		return r.Write(tables)
	})
}

// measured fills in the fields that every part has: the duration of take, the CPU
// and memory used during that time, and the tables that it wrote.
func measured(take func(part *record.Part, tables *strings.Builder) error) (part record.Part, err error) {
	var tables strings.Builder
	before, unknown := machine.Used(machine.Host)
	begin := time.Now()
	if err := take(&part, &tables); err != nil {
		return record.Part{}, err
	}
	part.Took, part.Tables = time.Since(begin), tables.String()
	if after, err := machine.Used(machine.Host); err == nil && unknown == nil {
		used := after.Since(before)
		part.Used = &used
	}
	return part, nil
}
