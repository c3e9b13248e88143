// Command mutate plants faults in the short way of a packet (dataplane/hit.go,
// conntrack/hit.go, packet/plain.go, nat/plain.go and their callers), one at a time,
// and requires that the tests find each of them. It leaves the sources as they are:
// the go command reads the faulty file through -overlay.
//
//	go run ./internal/house/mutate [-only REGEXP]
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// runs are the tests that must find a fault, as arguments of "go test". The first
// ones find most faults, and soon; what they do not find is for the whole of both
// packages.
var runs = [][]string{
	{"-run=^Test(Traffic|Hit)_", "./dataplane"},
	{"./dataplane", "./inspect/replay"},
}

func main() {
	only := flag.String("only", "", "plant only the faults whose names match the regular expression")
	flag.Parse()
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(only string) error {
	choice, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// Without a fault the tests pass, or nothing is shown by their failing.
	for _, args := range runs {
		if out, err := test(args); err != nil {
			return fmt.Errorf("the tests fail without a fault: %w\n%s", err, out)
		}
	}
	planted, survivors := 0, []string{}
	for _, f := range faults {
		if !choice.MatchString(f.name) {
			continue
		}
		planted++
		begin := time.Now()
		found, err := f.find(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		verdict := "found"
		if !found {
			verdict = "SURVIVED"
			survivors = append(survivors, f.name)
		}
		fmt.Printf("%-8s %4.0fs  %s\n", verdict, time.Since(begin).Seconds(), f.name)
	}
	fmt.Printf("%d faults planted, %d found\n", planted, planted-len(survivors))
	if len(survivors) > 0 {
		return fmt.Errorf("no test found: %s", strings.Join(survivors, "; "))
	}
	return nil
}

// find plants the fault in a copy of its file in dir and reports whether a test
// fails.
func (f *fault) find(dir string) (bool, error) {
	text, err := os.ReadFile(f.file)
	if err != nil {
		return false, err
	}
	if text, err = f.plant(text); err != nil {
		return false, err
	}
	faulty, overlay := filepath.Join(dir, "faulty.go"), filepath.Join(dir, "overlay.json")
	original, err := filepath.Abs(f.file)
	if err != nil {
		return false, err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: faulty}})
	if err != nil {
		return false, err
	}
	if err := errors.Join(os.WriteFile(faulty, text, 0o600), os.WriteFile(overlay, list, 0o600)); err != nil {
		return false, err
	}
	for _, args := range runs {
		out, err := test(append([]string{"-overlay=" + overlay}, args...))
		switch {
		case err == nil:
		case bytes.Contains(out, []byte("[build failed]")):
			return false, fmt.Errorf("it does not compile:\n%s", out)
		default:
			return true, nil
		}
	}
	return false, nil
}

// plant returns the text of the fault's file with the fault.
func (f *fault) plant(text []byte) ([]byte, error) {
	if n := bytes.Count(text, []byte(f.old)); n != 1 {
		return nil, fmt.Errorf("%s has %d times %q, want once", f.file, n, f.old)
	}
	return bytes.Replace(text, []byte(f.old), []byte(f.new), 1), nil
}

// test runs "go test", which must not take what it knows of an earlier run.
func test(args []string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"test", "-count=1", "-vet=off", "-pgo=off", "-failfast", "-timeout=10m"}, args...)...)
	return cmd.CombinedOutput()
}
