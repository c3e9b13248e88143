//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"director/internal/cli"
)

// mainEnv is an environment variable that makes the test binary run as director-bench.
// Clients and servers thereby run the code under test, with the race detector.
const mainEnv = "DIRECTOR_BENCH_TEST_MAIN"

// director is the path of the director that the tests measure. TestMain builds it once.
var director string

func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		main()
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "director-bench-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		director = filepath.Join(dir, "director")
		build := exec.Command("go", "build", "-buildvcs=false", "-pgo=off", "-o", director, "director/cmd/director")
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		os.Setenv(cli.DirectorVariable, director)
		before := program
		program = func(args ...string) *exec.Cmd {
			cmd := before(args...)
			cmd.Env = append(os.Environ(), mainEnv+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
			return cmd
		}
		return m.Run()
	}())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// direct runs director-bench in this process, with the words of line as arguments.
func direct(line string) (code int, out, err string) {
	var o, e strings.Builder
	code = run(strings.Fields(line), cli.IO{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func TestRun_ListsTheVerbs(t *testing.T) {
	for _, line := range []string{"", "help", "--help", "-h"} {
		code, out, err := direct(line)
		if code != cli.OK || err != "" {
			t.Errorf("director-bench %s: exit %d, stderr %q, want 0 and nothing", line, code, err)
		}
		for _, v := range commandLine().Verbs {
			if !strings.Contains(out, "  "+v.Name()+" ") || v.Run == nil {
				t.Errorf("director-bench %s does not list %s, or cannot run it:\n%s", line, v.Name(), out)
			}
		}
	}
	if code, _, err := direct("micro"); code != cli.Usage || !strings.Contains(err, "micro: unknown verb") {
		t.Errorf("micro: exit %d, stderr %q, want exit 2 and an unknown verb: only director has micro", code, err)
	}
}
