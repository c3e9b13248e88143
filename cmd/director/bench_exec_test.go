//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"director/internal/cli"
)

// TestBench_StartsDirectorBench checks that director-bench gets the arguments and the
// standard streams, that its exit code is returned, and that it is told which director
// started it.
func TestBench_StartsDirectorBench(t *testing.T) {
	bin := t.TempDir()
	must(t, os.WriteFile(bin+"/director-bench", []byte("#!/bin/sh\necho \"$DIRECTOR_BINARY $$ $*\"\ncat\necho problem >&2\nexit 7\n"), 0o755))
	for _, v := range cli.BenchVerbs() {
		cmd := directorCommand("bench", v.Name, "--json", "a b")
		cmd.Env = append(cmd.Env, "PATH="+bin+":/usr/bin:/bin", cli.DirectorVariable+"=/elsewhere")
		cmd.Stdin = strings.NewReader("input\n")
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		fields := strings.Fields(out.String())
		exit, ok := errors.AsType[*exec.ExitError](err)
		switch {
		case !ok || exit.ExitCode() != 7 || errs.String() != "problem\n":
			t.Errorf("bench %s: %v, stderr %q, want exit 7 and the error of director-bench", v.Name, err, errs.String())
		case len(fields) != 7 || strings.Join(fields[2:], " ") != v.Name+" --json a b input":
			t.Errorf("bench %s: director-bench printed %q", v.Name, out.String())
		case fields[1] != strconv.Itoa(cmd.Process.Pid):
			t.Errorf("bench %s: director-bench is process %s, want %d, so that it gets the signals", v.Name, fields[1], cmd.Process.Pid)
		case fields[0] != cmd.Path:
			t.Errorf("bench %s: director-bench was told the director %s, want %s", v.Name, fields[0], cmd.Path)
		}
	}
}

func TestBench_SaysWhatToInstall(t *testing.T) {
	cmd := directorCommand("bench", "paper")
	cmd.Env = append(cmd.Env, "PATH="+t.TempDir())
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	want := "director-bench is not installed, neither beside this program nor in PATH: " +
		"install the package director-bench, or build it with \"make build\"\n"
	if !ok || exit.ExitCode() != cli.Failed || string(out) != want {
		t.Errorf("got %v, %q, want exit %d and %q", err, out, cli.Failed, want)
	}
}
