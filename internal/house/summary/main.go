// Command summary reads one or more streams of "go test -json". It prints the output of go
// test, and then every skipped test with its reason. A test counts as skipped if all its runs
// were skipped.
//
// With -strict a skipped test is a failure, unless its reason names the kernel. A feature of
// the kernel may be missing; everything else can be installed.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is a line of the stream, as described by "go doc test2json".
type event struct {
	Action, Package, Test, Output string
}

// test identifies one test of one package. Test is empty for the package itself.
type test struct{ Package, Test string }

func (t test) String() string { return t.Package + " " + t.Test }

// summary collects the results of the streams.
type summary struct {
	out      io.Writer
	output   map[test][]string // of tests that have not ended yet
	skipped  map[test]string   // the reason
	ran      map[test]bool     // in at least one run
	packages int
	failed   bool
}

func main() {
	strict := flag.Bool("strict", false, "fail when a test was skipped, unless the reason names the kernel")
	flag.Parse()
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
	if !s.finish(*strict) {
		os.Exit(1)
	}
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[test][]string{}, skipped: map[test]string{}, ran: map[test]bool{}}
}

// read handles a stream. Lines that are not events come from go test itself and are printed
// without a change.
func (s *summary) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil {
				s.event(e)
			} else {
				fmt.Fprint(s.out, line)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) event(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "output":
		s.output[t] = append(s.output[t], e.Output)
		return
	case "build-output":
		fmt.Fprint(s.out, e.Output)
		return
	case "build-fail":
		s.failed = true
		return
	case "pass", "skip", "fail":
	default:
		return
	}
	if t.Test == "" {
		s.packageEnd(t, e.Action)
		return
	}
	switch e.Action {
	case "skip":
		s.skipped[t] = reason(s.output[t])
	case "fail":
		s.failed = true
		s.print(t)
		fallthrough
	case "pass":
		s.ran[t] = true
	}
	delete(s.output, t)
}

// packageEnd prints the output of a package. If it failed, this is the whole output,
// including that of tests that a panic or a time-out has ended. Otherwise it is only the
// result.
func (s *summary) packageEnd(p test, action string) {
	if action != "skip" { // it has no tests
		s.packages++
	}
	if action == "fail" {
		s.failed = true
		for t := range s.output {
			if t.Package == p.Package && t.Test != "" {
				s.print(t)
				delete(s.output, t)
			}
		}
		s.print(p)
	} else if n := len(s.output[p]); n > 0 {
		fmt.Fprint(s.out, s.output[p][n-1])
	}
	delete(s.output, p)
}

// print writes a test's output without the lines that only go test -v has.
func (s *summary) print(t test) {
	for _, line := range s.output[t] {
		if !strings.HasPrefix(line, "=== ") {
			fmt.Fprint(s.out, line)
		}
	}
}

// reason returns the argument of t.Skip: the line before the result, without the position in
// the source.
func reason(output []string) string {
	for i, line := range output {
		if i > 0 && strings.HasPrefix(strings.TrimSpace(line), "--- SKIP") {
			line = strings.TrimSpace(output[i-1])
			if _, why, ok := strings.Cut(line, ".go:"); ok {
				_, line, _ = strings.Cut(why, ": ")
			}
			return line
		}
	}
	return "no reason given"
}

// finish prints the skipped tests and reports whether everything has passed.
func (s *summary) finish(strict bool) bool {
	var lines []string
	excused := 0
	for t, why := range s.skipped {
		if s.ran[t] {
			continue
		}
		if strings.Contains(strings.ToLower(why), "kernel") {
			excused++
		}
		lines = append(lines, fmt.Sprintf("skipped: %v: %s", t, why))
	}
	slices.Sort(lines)
	for _, l := range lines {
		fmt.Fprintln(s.out, l)
	}
	fmt.Fprintf(s.out, "%d tests ran, %d skipped\n", len(s.ran), len(lines))
	if s.packages == 0 {
		fmt.Fprintln(s.out, "no tests ran at all")
		return false
	}
	if strict && len(lines) > excused {
		fmt.Fprintf(s.out, "%d of them for reasons other than the kernel: as root, and in CI, every test has to run\n", len(lines)-excused)
		return false
	}
	return !s.failed
}
