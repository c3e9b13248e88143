// Command summary reads one or more streams of "go test -json". It prints the output of go
// test, then every skipped test with its reason, then every test that failed. The last line
// says how many there were of each. A test counts as skipped if all its runs were skipped,
// and as failed if one of its runs failed.
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
	ImportPath                    string // of build-output and build-fail
	FailedBuild                   string // of the end of a package that was not built
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
	failed   map[test]string   // what is wrong, empty if the test's output says it
	packages int
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
	return &summary{out: out, output: map[test][]string{}, skipped: map[test]string{}, ran: map[test]bool{}, failed: map[test]string{}}
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
		s.failed[test{Package: e.ImportPath}] = "it does not build"
		return
	case "pass", "skip", "fail":
	default:
		return
	}
	if t.Test == "" {
		s.packageEnd(t, e.Action, e.FailedBuild != "")
		return
	}
	switch e.Action {
	case "skip":
		s.skipped[t] = reason(s.output[t])
	case "fail":
		s.failed[t] = ""
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
func (s *summary) packageEnd(p test, action string, unbuilt bool) {
	if action != "skip" { // it has no tests
		s.packages++
	}
	if action == "fail" {
		for t := range s.output {
			if t.Package == p.Package && t.Test != "" {
				s.print(t)
				s.failed[t] = "it did not end"
				delete(s.output, t)
			}
		}
		s.print(p)
		if !unbuilt && !s.blames(p.Package) {
			s.failed[p] = "none of its tests failed, but the package did"
		}
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

// blames reports whether a test of a package has failed.
func (s *summary) blames(pkg string) bool {
	for t := range s.failed {
		if t.Package == pkg && t.Test != "" {
			return true
		}
	}
	return false
}

// finish prints the skipped and the failed tests. It reports whether everything has passed.
func (s *summary) finish(strict bool) bool {
	var skipped []string
	excused := 0
	for t, why := range s.skipped {
		if s.ran[t] {
			continue
		}
		if strings.Contains(strings.ToLower(why), "kernel") {
			excused++
		}
		skipped = append(skipped, fmt.Sprintf("skipped: %v: %s", t, why))
	}
	failed := s.failures()
	for _, lines := range [][]string{skipped, failed} {
		slices.Sort(lines)
		for _, l := range lines {
			fmt.Fprintln(s.out, l)
		}
	}
	verdict := "ok"
	switch {
	case s.packages == 0 && len(failed) == 0:
		verdict = "FAIL: no tests ran at all"
	case len(failed) > 0:
		verdict = "FAIL"
	case strict && len(skipped) > excused:
		verdict = fmt.Sprintf("FAIL: %d skipped for reasons other than the kernel, but as root and in CI every test has to run", len(skipped)-excused)
	}
	fmt.Fprintf(s.out, "%s: %d tests ran, %d failed, %d skipped\n", verdict, len(s.ran), len(failed), len(skipped))
	return verdict == "ok"
}

// failures returns a line for each failure. A test that failed only because a part of it
// did is left out.
func (s *summary) failures() (lines []string) {
	for t, why := range s.failed {
		part := false
		for other := range s.failed {
			part = part || other.Package == t.Package && t.Test != "" && strings.HasPrefix(other.Test, t.Test+"/")
		}
		if part {
			continue
		}
		line := "failed: " + strings.TrimSpace(t.String())
		if why != "" {
			line += ": " + why
		}
		lines = append(lines, line)
	}
	return lines
}
