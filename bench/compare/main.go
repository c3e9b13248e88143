// Command compare measures two builds of the director with "director bench micro".
// It alternates between them (A B A B ...), so a disturbance of the machine affects
// both:
//
//	go run ./bench/compare --a=./director.a --b=./director.b --only='/hit/'
//	go run ./bench/compare --a=./director --b='./director --huge-pages=false' --only='/1M$'
//
// Flags after the name of a binary are flags of bench micro for that binary only.
// All values are times or sizes: a ratio B/A below 1 means that B is better. The
// rows memory and floor do not depend on the data plane. If their ratio is far from
// 1, the machine was not quiet enough for a comparison.
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

// run parses the flags and compares the two builds. It returns the exit code: 2 for
// wrong flags, 1 for a measurement that fails.
func run(args []string, stdout, stderr io.Writer) int {
	t := trial{measure: measure, say: func(text string) { fmt.Fprintln(stderr, text) }}
	fs := pflag.NewFlagSet("compare", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	a := fs.String("a", "", "the binary to compare with, followed by flags of bench micro for it only")
	b := fs.String("b", "", "the binary that may be better, followed by flags of bench micro for it only")
	only := fs.String("only", "", "measure the rows whose names match this regular expression")
	fs.IntVar(&t.rounds, "rounds", 7, "number of rounds; each round measures both binaries")
	repetitions := fs.Int("repetitions", 5, "repetitions of each row in a round")
	length := fs.Duration("time", micro.Defaults().Time, "measuring time of a row in each repetition")
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

// arguments returns the flags of bench micro that both binaries get.
func arguments(only, cpus string, repetitions int, length time.Duration) []string {
	args := []string{"--json", "--cpus=" + cpus, fmt.Sprintf("--repetitions=%d", repetitions), fmt.Sprintf("--time=%s", length)}
	if only != "" {
		args = append(args, "--only="+only)
	}
	return args
}
