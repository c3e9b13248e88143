// Command compare measures two builds of the director by "director bench micro"
// in turn, A B A B and so on, so that what disturbs the machine for a while
// disturbs both:
//
//	go run ./bench/compare --a=./director.a --b=./director.b --only='/hit/'
//	go run ./bench/compare --a=./director --b='./director --huge-pages=false' --only='/1M$'
//
// What follows a binary's name are flags of bench micro for it alone. Everything
// is a time or a size: a ratio B/A below 1 says that B is better. The rows memory
// and floor do not depend on the data plane: where their ratio is far from 1, the
// machine was not quiet enough to tell.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/pflag"

	"director/bench/micro"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run compares as the flags say, and returns the exit code: 2 for flags that
// are wrong, 1 for what cannot be measured.
func run(args []string, stdout, stderr io.Writer) int {
	t := trial{measure: measure, say: func(text string) { fmt.Fprintln(stderr, text) }}
	fs := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	a := fs.String("a", "", "the binary that is compared with, and flags of bench micro for it alone")
	b := fs.String("b", "", "the binary that may be better, and flags of bench micro for it alone")
	only := fs.String("only", "", "measure the rows whose names match this regular expression")
	fs.IntVar(&t.rounds, "rounds", 7, "how often both are measured")
	repetitions := fs.Int("repetitions", 5, "how often all rows are taken in turn in a round")
	length := fs.Duration("time", micro.Defaults().Time, "how long a row takes in each repetition")
	cpus := fs.String("cpus", "auto", "the CPUs of the workers")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(stdout, "Usage: go run ./bench/compare --a=BINARY --b=BINARY [flags]\n\n%s", fs.FlagUsages())
		return 0
	case err == nil && fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q: flags begin with --", fs.Arg(0))
	case err == nil:
		err = t.name(*a, *b)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	t.args = arguments(*only, *cpus, *repetitions, *length)
	if err = t.run(); err == nil {
		err = t.write(stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// arguments are those of bench micro for both.
func arguments(only, cpus string, repetitions int, length time.Duration) []string {
	args := []string{"--json", "--cpus=" + cpus, fmt.Sprintf("--repetitions=%d", repetitions), fmt.Sprintf("--time=%s", length)}
	if only != "" {
		args = append(args, "--only="+only)
	}
	return args
}
